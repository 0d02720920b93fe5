"""Open the input files of sources: plain or gzipped, bounded in size, with errors that name the file."""

from __future__ import annotations

import gzip
import importlib.util
import json
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, BinaryIO

from secft.dataset.sources.reading.paths import expand_paths, paths_problems, refused_links
from secft.dataset.sources.reading.unpacking import REMEDY, WHOLE, BombError, allowed, unpacked_gzip
from secft.environment import install_command
from secft.errors import InputError, MissingExtraError, Problem

__all__ = [
    "MAX_BYTES",
    "MAX_STREAM_BYTES",
    "expand_paths",
    "missing_package",
    "opened",
    "package_directory",
    "package_file",
    "package_problems",
    "path_problems",
    "paths_problems",
    "read_input",
    "read_json_input",
    "read_lines",
    "refused_links",
]

MAX_BYTES = 1 << 30
"""Most bytes of one input file after decompression (1 GiB): a small gzip file can unpack to any size."""

MAX_STREAM_BYTES = 1 << 36
"""Most bytes of one input file that is read line by line, after decompression (64 GiB)."""

INSTALL = f"Run: {install_command('security-data')}"
_GZIP_MAGIC = b"\x1f\x8b"
_PIECE = 1 << 20


def package_directory(package: str) -> Path | None:
    """Return where an installed package lies, without importing it; None if it is not installed."""
    spec = importlib.util.find_spec(package)
    places = list(spec.submodule_search_locations or []) if spec else []
    return Path(places[0]) if places else None


def package_file(package: str, pattern: str) -> Path | None:
    """Return the data file of an installed package that matches a glob; the last one by name if several do."""
    directory = package_directory(package)
    files = sorted(directory.glob(pattern)) if directory else []
    return files[-1] if files else None


def missing_package(package: str, what: str) -> MissingExtraError:
    """Return the error for data that an absent package would have brought."""
    return MissingExtraError(f"{what} comes inside the package {package}, which is not installed. {INSTALL}")


def package_problems(package: str, pattern: str, key: str) -> list[Problem]:
    """Return a problem if a package, or its data file, is missing."""
    if package_file(package, pattern) is not None:
        return []
    return [Problem(key, f"is null, and the package {package} with the default data is not installed", remedy=INSTALL)]


def path_problems(path: str, key: str) -> list[Problem]:
    """Return a problem if an input file is missing or is not a file."""
    if Path(path).is_file():
        return []
    reason = "is a directory, not a file" if Path(path).is_dir() else "no such file"
    return [Problem(key, reason, path, remedy="Paths are relative to the current directory.")]


def _bounded(stream: BinaryIO, path: Path, limit: int) -> bytes:
    size = path.stat().st_size
    ratio = allowed(size, WHOLE)
    data = _read(stream, size, min(limit, ratio) + 1)
    if len(data) > limit:
        raise UnreadableInputError("too_large", f"{path}: larger than {limit:,} bytes (after decompression); refused.")
    if len(data) > ratio:
        raise UnreadableInputError("too_large", f"{path}: unpacks to more than {ratio:,} bytes; {REMEDY}.")
    return data


def _read(stream: BinaryIO, first: int, most: int) -> bytes:
    """Read to the end, or ``most`` bytes; what is asked for at once is taken from memory before it is there."""
    pieces, total, size = [b""], 0, min(first, most) + 1
    while total < most and (piece := stream.read(min(size, most - total))):
        pieces.append(piece)
        total, size = total + len(piece), _PIECE
    return b"".join(pieces) if len(pieces) > 2 else pieces[-1]


class UnreadableInputError(InputError):
    """An input file cannot be used.

    Attributes:
        kind: ``too_large``, ``empty``, ``broken_gzip`` or ``unreadable``.
    """

    def __init__(self, kind: str, message: str) -> None:
        super().__init__(message)
        self.kind = kind

    def __reduce__(self) -> tuple[type[UnreadableInputError], tuple[str, str]]:
        return type(self), (self.kind, str(self))


@contextmanager
def opened(path: Path, expected: str) -> Iterator[BinaryIO]:
    """Open a file, plain or gzipped (recognised by its content); errors while reading name the file."""
    try:
        with path.open("rb") as stream:
            packed = stream.read(2) == _GZIP_MAGIC
            stream.seek(0)
            if packed:
                with unpacked_gzip(stream, path.stat().st_size) as unpacked:
                    yield unpacked
            else:
                yield stream
    except BombError as error:
        raise UnreadableInputError("too_large", f"{path}: {error}.") from None
    except EOFError:
        raise UnreadableInputError("broken_gzip", f"{path}: the gzip file is truncated; expected {expected}.") from None
    except (gzip.BadGzipFile, zlib.error) as error:
        raise UnreadableInputError("broken_gzip", f"{path}: broken gzip file ({error}); expected {expected}.") from None
    except OSError as error:
        raise UnreadableInputError(
            "unreadable", f"{path}: cannot be read ({error.strerror}); expected {expected}."
        ) from error


def _empty(path: Path, expected: str) -> InputError:
    return UnreadableInputError("empty", f"{path}: the file is empty; expected {expected}.")


def read_input(path: Path, expected: str, limit: int = MAX_BYTES) -> bytes:
    """Read a whole input file, unpacking gzip (recognised by its content, not by its name).

    Args:
        path: the file.
        expected: what the file should be, for errors, for example ``a CWE catalogue (XML)``.
        limit: most bytes after decompression.

    Raises:
        InputError: missing, unreadable, empty, truncated or broken gzip, or too large.
    """
    with opened(path, expected) as stream:
        data = _bounded(stream, path, limit)
    if not data.strip():
        raise _empty(path, expected)
    return data


def _next_line(stream: BinaryIO, max_line: int) -> tuple[bytes | None, int]:
    """Return the next line, or None if it is too long, and how many bytes were read; (b"", 0) at the end."""
    line = stream.readline(max_line + 1)
    size = len(line)
    if size <= max_line or line.endswith(b"\n"):
        return line, size
    while line and not line.endswith(b"\n"):
        line = stream.readline(max_line + 1)
        size += len(line)
        if size > MAX_STREAM_BYTES:
            break
    return None, size


def read_lines(path: Path, expected: str, max_line: int) -> Iterator[tuple[int, bytes | None]]:
    """Yield the lines of a file, plain or gzipped, one at a time: number from 1, bytes without the line's end.

    A line longer than ``max_line`` bytes comes as None and is never held in memory; empty lines are left out, and so
    is a byte order mark.

    Raises:
        InputError: missing, unreadable, empty, truncated or broken gzip, or too large.
    """
    number = read = found = 0
    with opened(path, expected) as stream:
        while True:
            line, size = _next_line(stream, max_line)
            if not size:
                break
            number, read = number + 1, read + size
            if read > MAX_STREAM_BYTES:
                raise UnreadableInputError(
                    "too_large", f"{path}: larger than {MAX_STREAM_BYTES:,} bytes (after decompression); refused."
                )
            if line is not None:
                line = line.removeprefix(b"\xef\xbb\xbf") if number == 1 else line
                if not line.strip():
                    continue
                line = line.rstrip(b"\r\n")
            found += 1
            yield number, line
    if not found:
        raise _empty(path, expected)


def read_json_input(path: Path, expected: str) -> Any:
    """Read a whole JSON input file, plain or gzipped.

    Raises:
        InputError: see read_input; or the content is not JSON, or is nested too deeply.
    """
    data = read_input(path, expected)
    try:
        return json.loads(data)
    except (ValueError, RecursionError) as error:
        raise InputError(f"{path}: not valid JSON ({error}); expected {expected}.") from None
