"""Checks before training: each reports problems, none starts anything, none loads weights."""

from secft.train.checks.machine import Machine, machine_of

__all__ = ["Machine", "machine_of"]
