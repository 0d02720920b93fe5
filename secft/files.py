"""Files and directories: atomic writes, digests, canonical JSON, JSONL.

Nothing half-written ever stands where a finished file or directory is expected: everything is written
beside its place and renamed into it. A full disk or a missing permission becomes a StorageError.
"""

from __future__ import annotations

import errno
import hashlib
import json
import os
import shutil
import tempfile
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import fields, is_dataclass
from pathlib import Path
from typing import Any

from secft.errors import InputError, StorageError

_STORAGE_ERRORS = {
    errno.ENOSPC: "no space is left on the disk",
    errno.EDQUOT: "the disk quota is used up",
    errno.EACCES: "no permission to write there",
    errno.EPERM: "no permission to write there",
    errno.EROFS: "the file system is read-only",
}

_UMASK = os.umask(0o077)
os.umask(_UMASK)
_MODE = 0o666 & ~_UMASK
"""Rights of a new file, as the user's umask wants them; a file made beside its place is private at first."""

_SCALARS = frozenset({str, int, float, bool, type(None)})
_LINES = json.JSONEncoder(ensure_ascii=False, allow_nan=False)


@contextmanager
def storage_errors(place: Path) -> Iterator[None]:
    """Turn a full disk or a missing permission into a StorageError that names the place.

    Raises:
        StorageError: for ENOSPC, EDQUOT, EACCES, EPERM and EROFS.
    """
    try:
        yield
    except OSError as error:
        reason = _STORAGE_ERRORS.get(error.errno or 0)
        if reason is None:
            raise
        raise StorageError(f"{place}: cannot be written: {reason}. Free some space or choose another place.") from error


def plain(value: Any) -> Any:
    """Turn dataclasses, paths, tuples and sets into plain JSON values, recursively."""
    # Most values are plain already, and most rows hold many: their exact types are asked first.
    kind = type(value)
    if kind in _SCALARS:
        return value
    if kind is list:
        return [item if type(item) in _SCALARS else plain(item) for item in value]
    if kind is dict:
        return {
            key if type(key) is str else str(key): item if type(item) in _SCALARS else plain(item)
            for key, item in value.items()
        }
    return _made_plain(value)


def _made_plain(value: Any) -> Any:
    if is_dataclass(value) and not isinstance(value, type):
        return {field.name: plain(getattr(value, field.name)) for field in fields(value)}
    if isinstance(value, dict):
        return {str(key): plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [plain(item) for item in value]
    if isinstance(value, set | frozenset):
        return sorted(plain(item) for item in value)
    return str(value) if isinstance(value, Path) else value


def canonical_json(value: Any) -> str:
    """Return the one JSON text of a value: sorted keys, no spaces, UTF-8, no NaN."""
    return json.dumps(plain(value), sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False)


def digest(value: Any) -> str:
    """Return the SHA-256 of a value's canonical JSON, in hexadecimal."""
    return hashlib.sha256(canonical_json(value).encode("utf-8", "surrogatepass")).hexdigest()


def sha256_file(path: Path) -> str:
    """Return the SHA-256 of a file's bytes, in hexadecimal."""
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def tree_digests(directory: Path, leave_out: Iterable[str] = ("manifest.json",)) -> dict[str, str]:
    """Return relative path -> SHA-256 for all files below a directory, sorted by path."""
    skip = set(leave_out)
    files = sorted(path for path in directory.rglob("*") if path.is_file())
    names = {path.relative_to(directory).as_posix(): path for path in files}
    return {name: sha256_file(path) for name, path in names.items() if name not in skip}


def writable(text: str) -> str:
    """Return a text that UTF-8 can hold: what it cannot, such as an odd byte of a file's name, is escaped."""
    return text.encode("utf-8", "backslashreplace").decode()


def write_text(path: Path, text: str) -> None:
    """Write a text file atomically, creating its directory.

    Raises:
        StorageError: the disk is full or the place cannot be written.
    """
    with storage_errors(path):
        path.parent.mkdir(parents=True, exist_ok=True)
        handle, name = tempfile.mkstemp(prefix=f".{path.name}.", dir=path.parent)
        try:
            with os.fdopen(handle, "w", encoding="utf-8") as stream:
                stream.write(text)
                stream.flush()
                os.fsync(stream.fileno())
            Path(name).chmod(_MODE)
            Path(name).replace(path)
        except BaseException:
            Path(name).unlink(missing_ok=True)
            raise


def write_json(path: Path, value: Any) -> None:
    """Write a value as indented JSON with sorted keys, atomically."""
    write_text(path, json.dumps(plain(value), indent=2, sort_keys=True, ensure_ascii=False, allow_nan=False) + "\n")


def read_json(path: Path) -> Any:
    """Read a JSON file.

    Raises:
        InputError: the file is missing or not JSON.
    """
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise InputError(f"{path}: no such file.") from None
    except (json.JSONDecodeError, UnicodeDecodeError) as error:
        raise InputError(f"{path}: not valid JSON ({error}).") from error


def json_line(row: Any) -> str:
    """Return a row as one line of JSON without its end, keys in their own order; a text is a line already."""
    return row if isinstance(row, str) else plain_line(plain(row))


def plain_line(row: dict[str, Any]) -> str:
    """Return json_line of a row that is plain already."""
    return _LINES.encode(row)


def write_jsonl(path: Path, rows: Iterable[Any]) -> int:
    """Write rows as JSON lines (see json_line) into a file of an unfinished directory.

    Returns:
        The number of rows written.

    Raises:
        StorageError: the disk is full or the place cannot be written.
    """
    count = 0
    with storage_errors(path):
        path.parent.mkdir(parents=True, exist_ok=True)
        with path.open("w", encoding="utf-8") as stream:
            for row in rows:
                stream.write(json_line(row) + "\n")
                count += 1
    return count


def read_jsonl(path: Path) -> Iterator[dict[str, Any]]:
    """Yield the objects of a JSONL file that secft itself wrote.

    Raises:
        InputError: a line is not a JSON object; the message names the line.
    """
    with path.open(encoding="utf-8") as stream:
        for number, line in enumerate(stream, start=1):
            try:
                row = json.loads(line)
            except json.JSONDecodeError as error:
                raise InputError(f"{path}:{number}: not valid JSON ({error}).") from error
            if not isinstance(row, dict):
                raise InputError(f"{path}:{number}: expected a JSON object, found {type(row).__name__}.")
            yield row


def replace_directory(source: Path, target: Path) -> None:
    """Rename a finished directory into its place; an older one there is moved aside first and removed after.

    The new name is on the disk when this returns; the files are, if the caller flushed them.
    """
    old = target.with_name(f".{target.name}.old")
    with storage_errors(target):
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.rmtree(old, ignore_errors=True)
        with suppress(FileNotFoundError):
            target.rename(old)
        source.rename(target)
        flush(target.parent)
        shutil.rmtree(old, ignore_errors=True)


def share(directory: Path) -> None:
    """Give a directory that was made private at first the rights that the user's umask wants."""
    directory.chmod(0o777 & ~_UMASK)


def make_read_only(directory: Path) -> None:
    """Make the files of a directory read-only, for those whom the user's umask lets read them."""
    for path in directory.rglob("*"):
        if path.is_file():
            path.chmod(0o444 & ~_UMASK)


def flush(path: Path) -> None:
    """Push a file, or the names in a directory, to the disk, so that a loss of power cannot undo them."""
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def flush_tree(directory: Path) -> None:
    """Push all files and directories below a directory to the disk, and the directory itself."""
    for path in [*directory.rglob("*"), directory]:
        if path.is_file() or path.is_dir():
            flush(path)


def link_or_copy(source: Path, target: Path) -> None:
    """Put a file at a second place: a hard link where the file system allows it, else a copy."""
    with storage_errors(target):
        target.parent.mkdir(parents=True, exist_ok=True)
        target.unlink(missing_ok=True)
        try:
            os.link(source, target)
        except OSError:
            shutil.copy2(source, target)
