"""Open the input files of sources: plain or gzipped, bounded in size, with errors that name the file."""

from __future__ import annotations

import gzip
import importlib.util
import json
import zlib
from pathlib import Path
from typing import Any, BinaryIO, cast

from secft.errors import InputError, MissingExtraError, Problem

MAX_BYTES = 1 << 30
"""Most bytes of one input file after decompression (1 GiB): a small gzip file can unpack to any size."""

INSTALL = "Run: pip install 'secft[security-data]'"
_GZIP_MAGIC = b"\x1f\x8b"


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
    data = stream.read(limit + 1)
    if len(data) > limit:
        raise InputError(f"{path}: larger than {limit:,} bytes (after decompression); refused.")
    return data


def read_input(path: Path, expected: str, limit: int = MAX_BYTES) -> bytes:
    """Read a whole input file, unpacking gzip (recognised by its content, not by its name).

    Args:
        path: the file.
        expected: what the file should be, for errors, for example ``a CWE catalogue (XML)``.
        limit: most bytes after decompression.

    Raises:
        InputError: missing, unreadable, empty, truncated or broken gzip, or too large.
    """
    try:
        with path.open("rb") as stream:
            packed = stream.read(2) == _GZIP_MAGIC
            stream.seek(0)
            if packed:
                with gzip.open(stream) as unpacked:
                    data = _bounded(cast(BinaryIO, unpacked), path, limit)
            else:
                data = _bounded(stream, path, limit)
    except EOFError:
        raise InputError(f"{path}: the gzip file is truncated; expected {expected}.") from None
    except (gzip.BadGzipFile, zlib.error) as error:
        raise InputError(f"{path}: broken gzip file ({error}); expected {expected}.") from None
    except OSError as error:
        raise InputError(f"{path}: cannot be read ({error.strerror}); expected {expected}.") from error
    if not data.strip():
        raise InputError(f"{path}: the file is empty; expected {expected}.")
    return data


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
