"""Whether the environment of a backend can be used, and what is wrong with it."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from secft.errors import InputError, Problem
from secft.train.environments.lock import LOCKS, Lock, lock_of
from secft.train.environments.look import look_inside
from secft.train.environments.making import same_version
from secft.train.environments.place import Record, is_foreign, place_of, python_of, read_record
from secft.train.environments.turns import is_being_made

Kind = Literal[
    "missing", "being made", "foreign", "unfinished", "moved", "other lock", "python", "version", "extra", "file"
]

BROKEN_FILES_SHOWN = 5


@dataclass(frozen=True)
class Finding:
    """One thing that is wrong with an environment.

    Attributes:
        kind: ``missing`` (made on first use), ``being made`` (right now, by another process), ``foreign`` (something
            else stands there), ``unfinished``, ``moved``, ``other lock``, ``python`` (its interpreter is gone or
            broken), ``version`` (of a package), ``extra`` (a package that was added) or ``file`` (changed or gone).
        detail: what it is about.
    """

    kind: Kind
    detail: str

    def problem(self, name: str) -> Problem:
        """Return it as a problem of the configuration of a backend."""
        remedy = f"Run: python -m secft doctor --fix --backend {name}"
        return Problem("backend", f"its environment is not in order ({self.kind}: {self.detail})", name, remedy=remedy)


def check(name: str, root: Path, *, files: bool = False, locks: Path = LOCKS) -> list[Finding]:
    """Return what is wrong with the environment of a backend; empty if it can be used.

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
        return [Finding("being made", "another process is making it")]
    return findings(lock, root, files=files)


def findings(lock: Lock, root: Path, *, files: bool = False) -> list[Finding]:
    """Return what is wrong with an environment, for a caller whose turn it is; see check."""
    directory = place_of(lock.name, root)
    if is_foreign(directory):
        return [Finding("foreign", f"{directory} was not made by secft")]
    record = read_record(directory)
    outside = _from_outside(lock, directory, record)
    return outside or _from_inside(lock, directory, record, files=files)


def _from_outside(lock: Lock, directory: Path, record: Record | None) -> list[Finding]:
    if not directory.exists() or not any(directory.iterdir()):
        return [Finding("missing", f"there is none in {directory} yet; it is made on first use")]
    if record is None or record.state != "ready":
        return [Finding("unfinished", "making it was interrupted")]
    if record.directory != str(directory):
        return [Finding("moved", f"it was made in {record.directory}, and an environment cannot be moved")]
    if record.lock != lock.digest:
        return [Finding("other lock", f"it was made from {record.lock[:12]}, the lock is {lock.digest[:12]}")]
    if not python_of(directory).is_file():
        return [Finding("python", f"the interpreter of {python_of(directory)} is gone")]
    return []


def _from_inside(lock: Lock, directory: Path, record: Record | None, *, files: bool) -> list[Finding]:
    try:
        inside = look_inside(python_of(directory), files=files)
    except InputError as error:
        return [Finding("python", str(error))]
    found = [
        Finding("version", f"{name} {inside.versions.get(name, 'is missing')}, the lock says {version}")
        for name, version in sorted(lock.versions.items())
        if not same_version(inside.versions.get(name, ""), version)
    ]
    made_with = (record.versions if record else None) or {}
    found += [
        Finding("extra", f"{name} {version} was not there when the environment was made")
        for name, version in sorted(inside.versions.items())
        if name not in lock.versions and made_with.get(name) != version
    ]
    found += [Finding("file", text) for text in inside.changed[:BROKEN_FILES_SHOWN]]
    if len(inside.changed) > BROKEN_FILES_SHOWN:
        found.append(Finding("file", f"and {len(inside.changed) - BROKEN_FILES_SHOWN:,} more"))
    return found + _added_modules(lock, directory)


def _added_modules(lock: Lock, directory: Path) -> list[Finding]:
    found = []
    for module in lock.added:
        places = [packages / module.name for packages in directory.glob("lib/python*/site-packages")]
        if not any(place.is_file() and place.read_bytes() == module.read_bytes() for place in places):
            found.append(Finding("file", f"{module.name} is gone or was changed"))
    return found
