"""What a source is: how its module declares it, how it is read, and the log that is kept meanwhile."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from secft.config.schemas.source import SourceConfig
from secft.dataset.chunk import token_counter
from secft.errors import Problem
from secft.files import writable
from secft.reasons import Reason
from secft.records import Document, Tally
from secft.redaction import without_credentials


@dataclass
class ReadLog:
    """What became of the records of one source: counts, and which record was refused why.

    Attributes:
        tally: counts of records by what became of them.
        unused: spelling of a reason -> how often something of a record that was kept was not used, or was changed.
        refused: one row per refused record: ``record`` (an id or ``line 7``) and ``reason`` (its spelling).
        count_tokens: tokens of a text, by which documents are cut into chunks.
        most_rows: rows that are kept; refusals behind them are counted only. None keeps all.
        unlisted: spelling of a reason -> refusals that have no row.
    """

    tally: Tally = field(default_factory=Tally)
    unused: Counter[str] = field(default_factory=Counter)
    refused: list[dict[str, str]] = field(default_factory=list)
    count_tokens: Callable[[str], int] = field(default_factory=token_counter)
    most_rows: int | None = None
    unlisted: Counter[str] = field(default_factory=Counter)

    def refuse(self, record: str, reason: Reason, detail: str = "") -> None:
        """Count a record that becomes no document; what is said about this one only is the detail."""
        self.tally.drop(reason)
        if self.most_rows is not None and len(self.refused) >= self.most_rows:
            self.unlisted[str(reason)] += 1
            return
        row = {"record": without_credentials(record), "reason": str(reason), **({"detail": detail} if detail else {})}
        self.refused.append({key: writable(value) for key, value in row.items()})


@dataclass(frozen=True)
class Reader:
    """How one kind of source is read.

    A source of files that can be read one by one also gives ``parts`` and ``read_part``, so that an executor can read
    several at the same time.

    Attributes:
        read: yields the documents of a configured source, counting refusals; kept ones are counted by the caller.
        external_files: name -> input file, for fingerprints.
        problems: what is missing on this machine, given the config and the key path of the source.
        parts: names of what can be read independently, in the order of the result.
        read_part: yields the documents of one part, counting refusals; runs in other processes too.
        isolated: its files are read in processes of their own already.
        refresh: brings what is read from the network onto this machine, before external_files is asked; what is there
            already is not asked for again.
    """

    read: Callable[[Any, ReadLog], Iterator[Document]]
    external_files: Callable[[Any], Mapping[str, Path]]
    problems: Callable[[Any, str], list[Problem]]
    parts: Callable[[Any], list[str]] | None = None
    read_part: Callable[[Any, str, ReadLog], Iterator[Document]] | None = None
    refresh: Callable[[Any], None] | None = None
    isolated: bool = False


@dataclass(frozen=True)
class Source:
    """A source, as its module declares it: ``SOURCE``, or ``SOURCES`` where there are several.

    Attributes:
        config: dataclass of its settings; the default of the field ``name`` is the name of the source.
        kinds: kinds of documents that it brings, as in records.Document; ``record`` is a conversation.
        version: raised whenever the documents of the same input would change.
        reader: returns how it is read. What is needed for that is imported there: every command line that is checked
            imports the declarations.
        home: public page of the source as a whole, for cards, or an empty string.
        notice: what its owner asks to be said wherever its text is passed on, or an empty string.
        repeats: reason by which a document is dropped whose id another part of the source gave already; None where
            two documents with one id are an error.
    """

    config: type[SourceConfig]
    kinds: tuple[str, ...]
    version: int
    reader: Callable[[], Reader]
    home: str = ""
    notice: str = ""
    repeats: Reason | None = None

    @property
    def name(self) -> str:
        """Its name in the configuration: ``source=[name]``."""
        return self.config.name


def reader_of_parts(
    parts: Callable[[Any], list[str]],
    read_part: Callable[[Any, str, ReadLog], Iterator[Document]],
    external_files: Callable[[Any], Mapping[str, Path]],
    problems: Callable[[Any, str], list[Problem]],
    refresh: Callable[[Any], None] | None = None,
) -> Reader:
    """Return the reader of a source of independent parts: reading it whole is reading all parts in order."""

    def read(config: Any, log: ReadLog) -> Iterator[Document]:
        for part in parts(config):
            yield from read_part(config, part, log)

    return Reader(read, external_files, problems, parts, read_part, refresh)
