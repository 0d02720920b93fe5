"""What a source reader is, and the account that it keeps while it reads."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from secft.dataset.chunk import token_counter
from secft.errors import Problem
from secft.files import writable
from secft.records import Document, Tally


@dataclass
class Intake:
    """The account of one source: counts, and which record was refused why.

    Attributes:
        tally: counts of records by what became of them.
        refused: one row per refused record: ``record`` (an id or ``line 7``) and ``reason``.
        count_tokens: tokens of a text, by which documents are cut into chunks.
    """

    tally: Tally = field(default_factory=Tally)
    refused: list[dict[str, str]] = field(default_factory=list)
    count_tokens: Callable[[str], int] = field(default_factory=token_counter)

    def refuse(self, record: str, reason: str, detail: str = "") -> None:
        """Count a record that becomes no document; the reason is a class, the detail is about this one."""
        self.tally.drop(reason)
        row = {"record": record, "reason": reason, **({"detail": detail} if detail else {})}
        self.refused.append({key: writable(value) for key, value in row.items()})


@dataclass(frozen=True)
class Reader:
    """How one kind of source is read.

    A source of files that can be read one by one also gives ``parts`` and ``read_part``, so that an engine can read
    several at the same time.

    Attributes:
        read: yields the documents of a configured source, counting refusals; kept ones are counted by the caller.
        external_files: name -> input file, for fingerprints.
        problems: what is missing on this machine, given the config and the key path of the source.
        version: raised whenever the documents of the same input would change.
        home: public page of the source as a whole, for cards, or an empty string.
        parts: names of what can be read independently, in the order of the result.
        read_part: yields the documents of one part, counting refusals; runs in other processes too.
        refresh: brings what is read from the network onto this machine, before external_files is asked; what is there
            already is not asked for again.
        repeats: reason by which a document is dropped whose id another part of the source gave already; empty where
            two documents with one id are an error.
    """

    read: Callable[[Any, Intake], Iterator[Document]]
    external_files: Callable[[Any], Mapping[str, Path]]
    problems: Callable[[Any, str], list[Problem]]
    version: int
    home: str = ""
    parts: Callable[[Any], list[str]] | None = None
    read_part: Callable[[Any, str, Intake], Iterator[Document]] | None = None
    refresh: Callable[[Any], None] | None = None
    repeats: str = ""


def reader_of_parts(
    parts: Callable[[Any], list[str]],
    read_part: Callable[[Any, str, Intake], Iterator[Document]],
    external_files: Callable[[Any], Mapping[str, Path]],
    problems: Callable[[Any, str], list[Problem]],
    version: int,
    home: str = "",
    refresh: Callable[[Any], None] | None = None,
) -> Reader:
    """Return the reader of a source of independent parts: reading it whole is reading all parts in order."""

    def read(config: Any, intake: Intake) -> Iterator[Document]:
        for part in parts(config):
            yield from read_part(config, part, intake)

    return Reader(read, external_files, problems, version, home, parts, read_part, refresh)
