"""Taking turns: only one process makes or removes the environment of a backend, and only while none trains in it."""

from __future__ import annotations

import fcntl
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from secft.errors import TrainingError
from secft.files import storage_errors
from secft.train.environments.place import BackendEnvironment, ready

Show = Callable[[str], None]


@contextmanager
def turn(name: str, root: Path, show: Show) -> Iterator[int]:
    """Hold the right to make or remove the environment of a backend; others wait.

    Yields:
        The descriptor of the lock. Programs that inherit it hold the lock too: if this process is killed, nobody
        touches the environment before they are gone.
    """
    with storage_errors(root):
        root.mkdir(parents=True, exist_ok=True)
        held = os.open(_file(name, root), os.O_RDWR | os.O_CREAT, 0o644)
    try:
        try:
            fcntl.flock(held, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            show(f"Another process is making or using the environment of {name}; waiting for it.")
            fcntl.flock(held, fcntl.LOCK_EX)
        yield held
    finally:
        os.close(held)


@contextmanager
def in_use(place: BackendEnvironment) -> Iterator[int]:
    """Keep an environment from being removed while something runs in it; any number of processes may use one.

    Yields:
        The descriptor of the lock; a program that inherits it (``pass_fds``) keeps the environment too.

    Raises:
        TrainingError: it was removed or made anew since it was returned by ensure.
    """
    root = place.directory.parent
    with storage_errors(root):
        held = os.open(_file(place.name, root), os.O_RDWR | os.O_CREAT, 0o644)
    try:
        fcntl.flock(held, fcntl.LOCK_SH)
        if ready(place.name, root, place.lock_digest) is None:
            raise TrainingError(f"The environment of {place.name} in {place.directory} was removed; start again.")
        yield held
    finally:
        os.close(held)


def is_being_made(name: str, root: Path) -> bool:
    """Return whether another process has its turn with the environment of a backend right now."""
    try:
        held = os.open(_file(name, root), os.O_RDONLY)
    except OSError:
        return False
    try:
        fcntl.flock(held, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    finally:
        os.close(held)
    return False


def _file(name: str, root: Path) -> Path:
    return root / f".{name}.turn"
