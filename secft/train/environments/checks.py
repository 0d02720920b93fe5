"""Whether the environment of a backend can be used, and what is wrong with it."""

from __future__ import annotations

from pathlib import Path

from secft.errors import InputError, Problem
from secft.train.environments.lock import LOCKS, Lock, lock_of
from secft.train.environments.look import look_inside
from secft.train.environments.making import same_version
from secft.train.environments.place import Record, is_occupied, place_of, python_of, read_record
from secft.train.environments.turns import is_being_made

BROKEN_FILES_SHOWN = 5
UNDONE = ("missing", "being made")
"""Codes of what solves itself: an environment is made on first use, or right now; training may be started."""


def _problem(code: str, name: str, reason: str) -> Problem:
    remedy = f"Run: python -m secft doctor --fix --backend {name}"
    return Problem("backend", reason, name, remedy=remedy, code=code, stops=code not in UNDONE)


def check(name: str, root: Path, *, files: bool = False, locks: Path = LOCKS) -> list[Problem]:
    """Return what is wrong with the environment of a backend; empty if it can be used.

    Codes are ``missing`` (made on first use), ``being made`` (right now, by another process), ``occupied`` (something
    else stands there), ``unfinished``, ``moved``, ``other lock``, ``python`` (its interpreter is gone or broken),
    ``version`` (of a package), ``extra`` (a package that was added) and ``file`` (changed or gone).

    Args:
        name: the backend.
        root: where the environments are (paths.backends).
        files: also compare every installed file with what was installed.
        locks: directory of the locks.

    Raises:
        InputError: the backend has no lock.
    """
    lock = lock_of(name, locks)
    if is_being_made(name, root):
        return [_problem("being made", name, "another process is making its environment")]
    return problems_of(lock, root, files=files)


def problems_of(lock: Lock, root: Path, *, files: bool = False) -> list[Problem]:
    """Return what is wrong with an environment, for a caller whose turn it is; see check."""
    directory = place_of(lock.name, root)
    if is_occupied(directory):
        return [_problem("occupied", lock.name, f"{directory} was not made by secft")]
    record = read_record(directory)
    outside = _from_outside(lock, directory, record)
    return outside or _from_inside(lock, directory, record, files=files)


def _from_outside(lock: Lock, directory: Path, record: Record | None) -> list[Problem]:
    if not directory.exists() or not any(directory.iterdir()):
        return [_problem("missing", lock.name, f"its environment is not in {directory} yet; it is made on first use")]
    if record is None or record.state != "ready":
        return [_problem("unfinished", lock.name, "making its environment was interrupted")]
    if record.directory != str(directory):
        reason = f"its environment was made in {record.directory}, and an environment cannot be moved"
        return [_problem("moved", lock.name, reason)]
    if record.lock != lock.digest:
        reason = f"its environment was made from {record.lock[:12]}, the lock is {lock.digest[:12]}"
        return [_problem("other lock", lock.name, reason)]
    if not python_of(directory).is_file():
        return [_problem("python", lock.name, f"the interpreter {python_of(directory)} is gone")]
    return []


def _from_inside(lock: Lock, directory: Path, record: Record | None, *, files: bool) -> list[Problem]:
    try:
        inside = look_inside(python_of(directory), files=files)
    except InputError as error:
        return [_problem("python", lock.name, str(error))]
    found = [
        _problem("version", lock.name, f"{name} {inside.versions.get(name, 'is missing')}, the lock says {version}")
        for name, version in sorted(lock.versions.items())
        if not same_version(inside.versions.get(name, ""), version)
    ]
    made_with = (record.versions if record else None) or {}
    found += [
        _problem("extra", lock.name, f"{name} {version} was not there when its environment was made")
        for name, version in sorted(inside.versions.items())
        if name not in lock.versions and made_with.get(name) != version
    ]
    found += [_problem("file", lock.name, text) for text in inside.changed[:BROKEN_FILES_SHOWN]]
    if len(inside.changed) > BROKEN_FILES_SHOWN:
        more = len(inside.changed) - BROKEN_FILES_SHOWN
        found.append(_problem("file", lock.name, f"and {more:,} more files were changed or are gone"))
    return found + _added_modules(lock, directory)


def _added_modules(lock: Lock, directory: Path) -> list[Problem]:
    found = []
    for module in lock.added:
        places = [packages / module.name for packages in directory.glob("lib/python*/site-packages")]
        if not any(place.is_file() and place.read_bytes() == module.read_bytes() for place in places):
            found.append(_problem("file", lock.name, f"{module.name} is gone or was changed"))
    return found
