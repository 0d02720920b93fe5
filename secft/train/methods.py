"""Which method of training each backend has, by what, and what there is instead.

The table is made of the records in secft/train/objectives and secft/train/backends. They were read off the sources of
the versions that secft locks: trl 1.16, axolotl 0.19.0 (trl 1.9), LLaMA-Factory 0.9.5 (trl 0.24), Unsloth 2026.10.9
(trl 1.15).
"""

from __future__ import annotations

from collections.abc import Iterator

from secft.train.backends import BACKENDS
from secft.train.objective import Method, Support, no
from secft.train.objectives import METHODS


def support_of(method: Method, backend: str) -> Support:
    """Return how a backend does a method, or why it does not."""
    return method.support.get(backend) or no(BACKENDS[backend].otherwise)


def supported(method: str, backend: str, *, cuda: bool = True) -> bool:
    """Return whether a backend does a method; unknown names are not supported.

    Args:
        method: value of ``trainer=``.
        backend: value of ``backend=``.
        cuda: whether there is a CUDA device.
    """
    if method not in METHODS or backend not in BACKENDS:
        return False
    support = support_of(METHODS[method], backend)
    return support.supported and (cuda or not support.gpu_only)


def backends_of(method: str, *, cuda: bool = True) -> list[str]:
    """Return the backends that do a method, in the order of the table."""
    return [backend for backend in BACKENDS if supported(method, backend, cuda=cuda)]


def methods_of(backend: str, *, cuda: bool = True) -> list[str]:
    """Return the methods that a backend does, in the order of the table."""
    return [method for method in METHODS if supported(method, backend, cuda=cuda)]


def refusal(method: str, backend: str, *, cuda: bool = True) -> str:
    """Return why a pair cannot be had and which pairs exist instead; empty if it can be had.

    Args:
        method: value of ``trainer=``.
        backend: value of ``backend=``.
        cuda: whether there is a CUDA device.
    """
    if method not in METHODS:
        return f"{method!r} is no training method. There are: {', '.join(METHODS)}"
    if backend not in BACKENDS:
        return f"{backend!r} is no backend. There are: {', '.join(BACKENDS)}"
    if supported(method, backend, cuda=cuda):
        return ""
    support = support_of(METHODS[method], backend)
    reason = f"backend={backend} does not do {method} ({support.note})"
    if support.supported:
        reason = f"backend={backend} does {method} on a CUDA device only ({support.note}), and there is none"
    others, own = backends_of(method, cuda=cuda), methods_of(backend, cuda=cuda)
    instead = f"{method} is done by: {', '.join(others)}" if others else f"{method} is done by no backend here"
    return f"{reason}. {instead}; backend={backend} does: {', '.join(own) or 'nothing here'}"


def as_rows() -> list[list[str]]:
    """Return the table for printing: a row per method, ``yes``, ``GPU`` or ``-`` for each backend."""
    return [[method, *(mark(support) for _, support in cells)] for method, cells in table()]


def table() -> Iterator[tuple[str, list[tuple[str, Support]]]]:
    """Yield each method with its (backend, support) of every backend."""
    for method in METHODS.values():
        yield method.name, [(backend, support_of(method, backend)) for backend in BACKENDS]


def mark(support: Support) -> str:
    """Return ``yes``, ``GPU`` or ``-``."""
    return ("GPU" if support.gpu_only else "yes") if support.supported else "-"
