"""What a source reader is, and the account that it keeps while it reads."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from secft.errors import Problem
from secft.records import Document, Tally


@dataclass
class Intake:
    """The account of one source: counts, and which record was refused why.

    Attributes:
        tally: counts of records by what became of them.
        refused: one row per refused record: ``record`` (an id or ``line 7``) and ``reason``.
    """

    tally: Tally = field(default_factory=Tally)
    refused: list[dict[str, str]] = field(default_factory=list)

    def refuse(self, record: str, reason: str, detail: str = "") -> None:
        """Count a record that becomes no document; the reason is a class, the detail is about this one."""
        self.tally.drop(reason)
        self.refused.append({"record": record, "reason": reason, **({"detail": detail} if detail else {})})


@dataclass(frozen=True)
class Reader:
    """How one kind of source is read.

    Attributes:
        read: yields the documents of a configured source, counting refusals; kept ones are counted by the caller.
        external_files: name -> input file, for fingerprints.
        problems: what is missing on this machine, given the config and the key path of the source.
        version: raised whenever the documents of the same input would change.
    """

    read: Callable[[Any, Intake], Iterator[Document]]
    external_files: Callable[[Any], Mapping[str, Path]]
    problems: Callable[[Any, str], list[Problem]]
    version: int
