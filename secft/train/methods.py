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


def supported(method: str, backend: str) -> bool:
    """Return whether a backend does a method; unknown names are not supported."""
    return method in METHODS and backend in BACKENDS and support_of(METHODS[method], backend).supported


def backends_of(method: str) -> list[str]:
    """Return the backends that do a method, in the order of the table."""
    return [backend for backend in BACKENDS if supported(method, backend)]


def methods_of(backend: str) -> list[str]:
    """Return the methods that a backend does, in the order of the table."""
    return [method for method in METHODS if supported(method, backend)]


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
    support = support_of(METHODS[method], backend)
    if support.supported and (cuda or not support.gpu_only):
        return ""
    if support.supported:
        reason = f"backend={backend} does {method} on a CUDA device only ({support.note}), and there is none"
    else:
        reason = f"backend={backend} does not do {method} ({support.note})"
    return f"{reason}. {_instead(method, backend, cuda=cuda)}"


def _instead(method: str, backend: str, *, cuda: bool) -> str:
    def usable(other_method: str, other_backend: str) -> bool:
        support = support_of(METHODS[other_method], other_backend)
        return support.supported and (cuda or not support.gpu_only)

    others = [other for other in BACKENDS if usable(method, other)]
    own = [other for other in METHODS if usable(other, backend)]
    with_method = f"{method} is done by: {', '.join(others)}" if others else f"{method} is done by no backend here"
    return f"{with_method}; backend={backend} does: {', '.join(own) or 'nothing here'}"


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
