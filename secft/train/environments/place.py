"""Where the environment of a backend is, and the record that says whether it is finished.

``secft.json`` in the environment is its record: written first as unfinished, rewritten last as ready. What holds no
such file was not made by secft and is never touched.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from secft.errors import InputError
from secft.files import read_json, write_json

RECORD = "secft.json"
FORMAT = 1


@dataclass(frozen=True)
class BackendEnvironment:
    """A finished environment.

    Attributes:
        name: the backend.
        python: its interpreter.
        directory: where it is.
        lock_digest: digest of the lock that it was made from.
        versions: normalised name of a package -> installed version.
    """

    name: str
    python: Path
    directory: Path
    lock_digest: str
    versions: dict[str, str]

    def program(self, name: str) -> Path:
        """Return a program of the environment, for example ``axolotl`` or ``llamafactory-cli``."""
        return self.python.with_name(name)


@dataclass(frozen=True)
class Record:
    """What ``secft.json`` says.

    Attributes:
        state: ``unfinished`` or ``ready``.
        lock: digest of the lock.
        directory: where the environment was made; it cannot be moved.
        python: version of its Python.
        versions: normalised name of a package -> installed version.
    """

    state: str
    lock: str
    directory: str
    python: str = ""
    versions: dict[str, str] | None = None

    def write(self, directory: Path) -> None:
        """Write the record into an environment."""
        write_json(directory / RECORD, {"format": FORMAT, **asdict(self)})


def place_of(name: str, root: Path) -> Path:
    """Return the directory of a backend's environment."""
    return root.absolute() / name


def python_of(directory: Path) -> Path:
    """Return the interpreter of an environment."""
    return directory / "bin" / "python"


def read_record(directory: Path) -> Record | None:
    """Return the record of an environment, or None if there is none that can be read."""
    path = directory / RECORD
    try:
        values: Any = read_json(path)
        if not isinstance(values, dict) or values.pop("format", None) != FORMAT:
            return None
        return Record(**values)
    except (InputError, TypeError, OSError):
        return None


def is_occupied(directory: Path) -> bool:
    """Return whether a directory holds something that secft did not make."""
    if not directory.exists() and not directory.is_symlink():
        return False
    if directory.is_symlink() or not directory.is_dir():
        return True
    return not (directory / RECORD).is_file() and any(directory.iterdir())


def ready(name: str, root: Path, digest: str) -> BackendEnvironment | None:
    """Return the environment if its record says that it is finished and made from this lock, without looking inside."""
    directory = place_of(name, root)
    record = read_record(directory)
    if record is None or record.state != "ready" or record.lock != digest or record.directory != str(directory):
        return None
    python = python_of(directory)
    if not python.is_file():
        return None
    return BackendEnvironment(name, python, directory, digest, dict(record.versions or {}))
