"""Where documents stand in a file: an index of offsets and of hashes of ids, in maps that processes share."""

from __future__ import annotations

import hashlib
import json
import os
import weakref
from array import array
from pathlib import Path
from typing import TYPE_CHECKING, Any

from secft.errors import InputError
from secft.files import storage_errors
from secft.records import Document

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

OFFSETS, HASHES, POSITIONS = "offsets.npy", "hashes.npy", "positions.npy"
_HEAD = b'{"id": "'
_KIND = b'", "kind": "'


def hash_of(identifier: bytes) -> int:
    """Return 64 bits of the BLAKE2b of an id."""
    return int.from_bytes(hashlib.blake2b(identifier, digest_size=8).digest(), "little")


def write_index(path: Path, directory: Path) -> None:
    """Read a file once and write its index.

    Raises:
        InputError: a line is broken or has no id.
        StorageError: the disk is full or cannot be written.
    """
    import numpy as np

    offsets, hashes = _scanned(path)
    unsorted = np.frombuffer(hashes, dtype=np.uint64)
    order = np.argsort(unsorted, kind="stable")
    with storage_errors(directory):
        directory.mkdir(parents=True, exist_ok=True)
        np.save(directory / HASHES, unsorted[order])
        np.save(directory / POSITIONS, order.astype(np.uint32))
        np.save(directory / OFFSETS, np.frombuffer(offsets, dtype=np.int64))


class Index:
    """The maps of an index, and the open file.

    Attributes:
        offsets: where each line starts, and at last the end of the file (bytes).
        hashes: hashes of the ids, sorted.
        positions: for each hash the position of its document.
    """

    def __init__(self, path: Path, directory: Path) -> None:
        self.offsets, self.hashes, self.positions = (_map(directory / name) for name in (OFFSETS, HASHES, POSITIONS))
        try:
            self._file = os.open(path, os.O_RDONLY)
        except OSError as error:
            raise InputError(f"{path}: cannot be read ({error.strerror}).") from error
        weakref.finalize(self, os.close, self._file)
        if os.fstat(self._file).st_size != self.offsets[-1]:
            raise InputError(f"{path}: has changed since {directory} was made for it.")

    def line(self, position: int) -> bytes:
        """Return the line at a position."""
        start, stop = self.offsets[position : position + 2].tolist()
        return os.pread(self._file, stop - start, start)

    def places(self, wanted: int) -> list[int]:
        """Return the positions of the documents whose id has a hash; more than one is possible."""
        import numpy as np

        first, last = (np.searchsorted(self.hashes, np.uint64(wanted), side) for side in ("left", "right"))
        found: list[int] = self.positions[first:last].tolist()
        return found


def _map(path: Path) -> NDArray[np.generic]:
    import numpy as np

    try:
        mapped: NDArray[np.generic] = np.load(path, mmap_mode="r", allow_pickle=False)
    except (OSError, ValueError) as error:
        raise InputError(f"{path}: not the index of documents ({error}).") from error
    return mapped


def _scanned(path: Path) -> tuple[array[int], array[int]]:
    """Return where each line starts, with the end of the file, and the hash of each id."""
    offsets, hashes = array("q", [0]), array("Q")
    end = 0
    try:
        with path.open("rb", buffering=1 << 20) as stream:
            for number, line in enumerate(stream, start=1):
                end += len(line)
                offsets.append(end)
                hashes.append(hash_of(identifier_of(path, number, line)))
    except OSError as error:
        raise InputError(f"{path}: cannot be read ({error.strerror}).") from error
    return offsets, hashes


def identifier_of(path: Path, number: int, line: bytes) -> bytes:
    """Return the id of a line as UTF-8; where it stands first, the rest of the line is not looked at."""
    if line.startswith(_HEAD):
        end = line.find(b'"', len(_HEAD))
        plain = line[len(_HEAD) : end]
        if end > 0 and b"\\" not in plain:
            return plain
        return _escaped(line) or _whole(path, number, line)
    return _whole(path, number, line)


def kind_of(line: bytes) -> str | None:
    """Return the kind where it stands plainly after a plain id."""
    end = line.find(b'"', len(_HEAD))
    if not line.startswith(_HEAD) or not line.startswith(_KIND, end):
        return None
    start = end + len(_KIND)
    kind = line[start : line.find(b'"', start)]
    return None if b"\\" in kind else kind.decode(errors="replace")


def _escaped(line: bytes) -> bytes:
    """Return an id with escapes, or nothing where it does not end."""
    try:
        found: str = json.JSONDecoder().raw_decode(line.decode(), len(_HEAD) - 1)[0]
    except ValueError:
        return b""
    return found.encode("utf-8", "surrogatepass")


def _whole(path: Path, number: int, line: bytes) -> bytes:
    identifier = _object(path, number, line).get("id")
    if not isinstance(identifier, str):
        raise InputError(f"{path}:{number}: a document lacks a column: id.")
    return identifier.encode("utf-8", "surrogatepass")


def _object(path: Path, number: int, line: bytes) -> dict[str, Any]:
    try:
        row = json.loads(line)
    except ValueError as error:
        raise InputError(f"{path}:{number}: not valid JSON ({error}).") from error
    if not isinstance(row, dict):
        raise InputError(f"{path}:{number}: expected a JSON object, found {type(row).__name__}.")
    return row


def document_of(path: Path, number: int, line: bytes) -> Document:
    """Return the document of a line; ``number`` counts from 1, for errors.

    Raises:
        InputError: the line is broken, or lacks a column.
    """
    try:
        return Document(**_object(path, number, line))
    except TypeError as error:
        raise InputError(f"{path}: a document lacks a column or has one too many ({error}).") from None
