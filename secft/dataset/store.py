"""Documents found by id or by position in the file that holds them; memory does not grow with their number."""

from __future__ import annotations

import hashlib
import json
import os
import weakref
from array import array
from collections import OrderedDict
from collections.abc import Collection, ItemsView, Iterator, Mapping, ValuesView
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
_KEPT_BYTES = 16 << 20
"""Bytes of lines whose documents are kept parsed after they were looked up."""


def _hash(identifier: bytes) -> int:
    return int.from_bytes(hashlib.blake2b(identifier, digest_size=8).digest(), "little")


class DocumentStore(Mapping[str, Document]):
    """The documents of a JSONL file by id, in the order of the file.

    An index beside the file tells where each document starts: 8 bytes of offset, 8 of a hash of its id and 4 of its
    position, in maps that all processes of a machine share. A hash only says where to look; the id in the file
    decides. A store travels to other processes by pickle as two paths.

    Attributes:
        path: the file.
        directory: where its index is kept.
    """

    def __init__(self, path: Path, directory: Path) -> None:
        self.path = path
        self.directory = directory
        self._index: _Index | None = None
        self._kept: OrderedDict[int, tuple[int, Document]] = OrderedDict()
        self._kept_bytes = 0

    @classmethod
    def build(cls, path: Path, directory: Path) -> DocumentStore:
        """Read a file once, write its index, and open it.

        Args:
            path: what ``sources.collect`` wrote: one document a line.
            directory: where the index is kept; every worker must see it.

        Raises:
            InputError: a line is broken or has no id, or an id comes twice.
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
        store = cls.open(path, directory)
        store._refuse_repeats()
        return store

    @classmethod
    def open(cls, path: Path, directory: Path) -> DocumentStore:
        """Open a file whose index was built.

        Raises:
            InputError: there is no index, or it is not the index of this file.
        """
        store = cls(path, directory)
        store._opened()
        return store

    def __reduce__(self) -> tuple[type[DocumentStore], tuple[Path, Path]]:
        return type(self), (self.path, self.directory)

    def __len__(self) -> int:
        return len(self._opened().offsets) - 1

    def __iter__(self) -> Iterator[str]:
        for number, line in self._lines(0, len(self)):
            yield _identifier(self.path, number, line).decode("utf-8", "surrogatepass")

    def __contains__(self, identifier: object) -> bool:
        return isinstance(identifier, str) and self._position(identifier) is not None

    def __getitem__(self, identifier: str) -> Document:
        position = self._position(identifier)
        if position is None:
            raise KeyError(identifier)
        return self.at(position)

    def at(self, position: int) -> Document:
        """Return the document at a position of the file, counted from 0."""
        kept = self._kept.get(position)
        if kept is not None:
            self._kept.move_to_end(position)
            return kept[1]
        line = self._opened().line(position)
        document = _parsed(self.path, position + 1, line)
        self._kept[position] = (len(line), document)
        self._kept_bytes += len(line)
        while self._kept_bytes > _KEPT_BYTES:
            self._kept_bytes -= self._kept.popitem(last=False)[1][0]
        return document

    def rows(self, start: int = 0, stop: int | None = None) -> Iterator[Document]:
        """Yield the documents from one position up to another, one after the other, without keeping them."""
        end = len(self) if stop is None else min(stop, len(self))
        for number, line in self._lines(start, end):
            yield _parsed(self.path, number, line)

    def rows_of(self, kinds: Collection[str]) -> Iterator[Document]:
        """Yield the documents of some kinds; most others are passed over by the head of their line."""
        wanted = frozenset(kinds)
        for number, line in self._lines(0, len(self)):
            kind = _kind(line)
            if kind is None or kind in wanted:
                document = _parsed(self.path, number, line)
                if document.kind in wanted:
                    yield document

    def values(self) -> ValuesView[Document]:
        """Return all documents; each pass over them reads the file."""
        return _Values(self)

    def items(self) -> ItemsView[str, Document]:
        """Return all ids with their documents; each pass over them reads the file."""
        return _Items(self)

    def _opened(self) -> _Index:
        if self._index is None:
            self._index = _Index(self.path, self.directory)
        return self._index

    def _lines(self, start: int, stop: int) -> Iterator[tuple[int, bytes]]:
        if start >= stop:
            return
        with self.path.open("rb", buffering=1 << 20) as stream:
            stream.seek(int(self._opened().offsets[start]))
            for number in range(start + 1, stop + 1):
                yield number, stream.readline()

    def _position(self, identifier: str) -> int | None:
        key = identifier.encode("utf-8", "surrogatepass")
        index = self._opened()
        return next((one for one in index.places(_hash(key)) if self._id_at(one) == key), None)

    def _id_at(self, position: int) -> bytes:
        return _identifier(self.path, position + 1, self._opened().line(position))

    def _refuse_repeats(self) -> None:
        import numpy as np

        index = self._opened()
        for place in np.flatnonzero(index.hashes[1:] == index.hashes[:-1]).tolist():
            same = [self._id_at(one) for one in index.places(int(index.hashes[place]))]
            twice = next((one for one in same if same.count(one) > 1), None)
            if twice is not None:
                raise InputError(f"{self.path}: document {twice.decode(errors='replace')} comes twice.")


class _Values(ValuesView[Document]):
    def __init__(self, store: DocumentStore) -> None:
        super().__init__(store)
        self._store = store

    def __iter__(self) -> Iterator[Document]:
        return self._store.rows()


class _Items(ItemsView[str, Document]):
    def __init__(self, store: DocumentStore) -> None:
        super().__init__(store)
        self._store = store

    def __iter__(self) -> Iterator[tuple[str, Document]]:
        return ((document.id, document) for document in self._store.rows())


class _Index:
    """The maps of an index, and the open file."""

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
                hashes.append(_hash(_identifier(path, number, line)))
    except OSError as error:
        raise InputError(f"{path}: cannot be read ({error.strerror}).") from error
    return offsets, hashes


def _identifier(path: Path, number: int, line: bytes) -> bytes:
    """Return the id of a line as UTF-8; where it stands first, the rest of the line is not looked at."""
    if line.startswith(_HEAD):
        end = line.find(b'"', len(_HEAD))
        plain = line[len(_HEAD) : end]
        if end > 0 and b"\\" not in plain:
            return plain
        return _escaped(line) or _whole(path, number, line)
    return _whole(path, number, line)


def _kind(line: bytes) -> str | None:
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


def _parsed(path: Path, number: int, line: bytes) -> Document:
    try:
        return Document(**_object(path, number, line))
    except TypeError as error:
        raise InputError(f"{path}: a document lacks a column or has one too many ({error}).") from None
