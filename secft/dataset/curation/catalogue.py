"""What the documents of a run say, in the little that curation asks of it: identifiers, titles, labels.

Facts are read from the file of documents when they are asked for, names are kept as hashes: memory does not grow with
the documents.
"""

from __future__ import annotations

from collections.abc import Container
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import numpy as np

from secft.dataset.dedup.words import Hashes, distinct, text_hash
from secft.dataset.store import DocumentStore
from secft.dataset.templates.mapping import primary_impact
from secft.executor import Workplace
from secft.files import canonical_json, storage_errors
from secft.records import Document
from secft.security.identifiers import named


@dataclass(frozen=True)
class DocumentFacts:
    """What curation knows about one document.

    Attributes:
        title: its title.
        kind: its kind, as in records.Document.
        tactics: the ATT&CK tactics of a technique.
        consequence: class of the first technical impact of a weakness, or an empty string.
    """

    title: str
    kind: str
    tactics: tuple[str, ...] = ()
    consequence: str = ""


class Facts(Protocol):
    """Facts of documents by id."""

    def get(self, identifier: str) -> DocumentFacts | None:
        """Return what is known about a document, or None."""
        ...


@dataclass(frozen=True)
class DocumentCatalogue:
    """What all documents of a run say.

    Attributes:
        facts: id of a document -> facts.
        known: every identifier that any document is, or names.
    """

    facts: Facts
    known: Container[str]


def document_facts(document: Document) -> DocumentFacts:
    """Return what curation knows about a document."""
    tactics = document.fields.get("tactics")
    return DocumentFacts(
        title=document.title,
        kind=document.kind,
        tactics=tuple(tactics) if isinstance(tactics, list) else (),
        consequence=primary_impact(document) if document.kind == "weakness" else "",
    )


def named_in(document: Document) -> frozenset[str]:
    """Return every identifier that a document is or names."""
    names = named(f"{document.title}\n{document.text}\n{canonical_json(document.fields)}")
    return names | {document.id}


class StoredFacts:
    """Facts that are read from the documents when they are asked for."""

    def __init__(self, documents: DocumentStore) -> None:
        self.documents = documents
        self._last: tuple[str, DocumentFacts | None] = ("", None)

    def get(self, identifier: str) -> DocumentFacts | None:
        """See Facts."""
        if self._last[0] != identifier:  # examples of one document stand together
            document = self.documents.get(identifier)
            self._last = (identifier, document_facts(document) if document else None)
        return self._last[1]


class StoredNames:
    """Names in a sorted file of hashes, which all processes share: 8 bytes a name."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._hashes: Hashes | None = None

    def __reduce__(self) -> tuple[type[StoredNames], tuple[Path]]:
        return type(self), (self._path,)

    def __contains__(self, name: object) -> bool:
        if self._hashes is None:
            self._hashes = np.load(self._path, mmap_mode="r", allow_pickle=False)
        wanted = np.uint64(text_hash(str(name)))
        place = int(np.searchsorted(self._hashes, wanted))
        return place < self._hashes.size and bool(self._hashes[place] == wanted)


@dataclass(frozen=True)
class _Part:
    documents: DocumentStore
    start: int
    stop: int


def _hashes_of(part: _Part) -> Hashes:
    """Return the hashes of all identifiers in a part of the documents; runs in any process."""
    names = set().union(*(named_in(document) for document in part.documents.rows(part.start, part.stop)))
    return np.unique(np.fromiter(map(text_hash, names), np.uint64, len(names)))


def catalogue(documents: Path, place: Workplace) -> DocumentCatalogue:
    """Make a catalogue of the documents of a file.

    Args:
        documents: what ``sources.collect`` wrote.
        place: on what it is made; the files that it stands on are in ``catalogue`` of its directory.

    Raises:
        InputError: the file is broken.
        StorageError: the disk is full or cannot be written.
    """
    directory = place.directory / "catalogue"
    store = DocumentStore.build(documents, directory)
    starts = range(0, len(store), place.shard_size)
    parts = (_Part(store, start, start + place.shard_size) for start in starts)
    path = directory / "names.npy"
    with storage_errors(path):
        np.save(path, distinct(place.executor.map(_hashes_of, parts)))
    return DocumentCatalogue(StoredFacts(store), StoredNames(path))
