"""Documents found by id or by position in the file that holds them; memory does not grow with their number."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Collection, ItemsView, Iterator, Mapping, ValuesView
from pathlib import Path

from secft.dataset.store_index import Index, document_of, hash_of, identifier_of, kind_of, write_index
from secft.errors import InputError
from secft.records import Document

_KEPT_BYTES = 16 << 20
"""Bytes of lines whose documents are kept parsed after they were looked up."""


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
        self._index: Index | None = None
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
        write_index(path, directory)
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
            yield identifier_of(self.path, number, line).decode("utf-8", "surrogatepass")

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
        document = document_of(self.path, position + 1, line)
        self._kept[position] = (len(line), document)
        self._kept_bytes += len(line)
        while self._kept_bytes > _KEPT_BYTES:
            self._kept_bytes -= self._kept.popitem(last=False)[1][0]
        return document

    def rows(self, start: int = 0, stop: int | None = None) -> Iterator[Document]:
        """Yield the documents from one position up to another, one after the other, without keeping them."""
        end = len(self) if stop is None else min(stop, len(self))
        for number, line in self._lines(start, end):
            yield document_of(self.path, number, line)

    def rows_of(self, kinds: Collection[str]) -> Iterator[Document]:
        """Yield the documents of some kinds; most others are passed over by the head of their line."""
        wanted = frozenset(kinds)
        for number, line in self._lines(0, len(self)):
            kind = kind_of(line)
            if kind is None or kind in wanted:
                document = document_of(self.path, number, line)
                if document.kind in wanted:
                    yield document

    def values(self) -> ValuesView[Document]:
        """Return all documents; each pass over them reads the file."""
        return _Values(self)

    def items(self) -> ItemsView[str, Document]:
        """Return all ids with their documents; each pass over them reads the file."""
        return _Items(self)

    def _opened(self) -> Index:
        if self._index is None:
            self._index = Index(self.path, self.directory)
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
        return next((one for one in index.places(hash_of(key)) if self._id_at(one) == key), None)

    def _id_at(self, position: int) -> bytes:
        return identifier_of(self.path, position + 1, self._opened().line(position))

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
