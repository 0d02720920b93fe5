"""Backends: each renders a job into files, names the command that trains it, and collects what came out."""

from secft.train.backends.backend import Backend, backend_named

__all__ = ["Backend", "backend_named"]
