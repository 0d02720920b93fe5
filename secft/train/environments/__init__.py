"""Environments of training backends that cannot share one with secft: made on first use, reused, never patched."""

from __future__ import annotations

from pathlib import Path

from secft.train.environments.checks import UNDONE, check, problems_of
from secft.train.environments.lock import LOCKS, lock_of
from secft.train.environments.making import make
from secft.train.environments.place import BackendEnvironment, ready
from secft.train.environments.turns import Show, in_use, turn
from secft.train.environments.variables import SILENT, variables_for

__all__ = [
    "SILENT",
    "UNDONE",
    "BackendEnvironment",
    "check",
    "ensure",
    "in_use",
    "repair",
    "variables_for",
]


def _silent(text: str) -> None:
    """Tell nobody."""


def ensure(name: str, root: Path, show: Show = _silent, *, locks: Path = LOCKS) -> BackendEnvironment:
    """Return the environment of a backend; make it if there is none that is finished and made from its lock.

    Args:
        name: the backend.
        root: where the environments are (paths.backends).
        show: told one line before and after long work.
        locks: directory of the locks.

    Raises:
        InputError: no such backend, no fitting Python, or something else stands there.
        StorageError: the disk is too small, or full.
        TrainingError: pip failed; the message has its last lines.
    """
    lock = lock_of(name, locks)
    found = ready(name, root, lock.digest)
    if found is not None:
        return found
    with turn(name, root, show) as held:
        return ready(name, root, lock.digest) or make(lock, root, show, held)


def repair(name: str, root: Path, show: Show = _silent, *, locks: Path = LOCKS) -> BackendEnvironment:
    """Return the environment of a backend, every file of it checked; make it anew if anything is wrong with it.

    Raises:
        InputError, StorageError, TrainingError: as for ensure.
    """
    lock = lock_of(name, locks)
    with turn(name, root, show) as held:
        found = ready(name, root, lock.digest)
        if found is not None and not problems_of(lock, root, files=True):
            return found
        return make(lock, root, show, held)
