"""How many bad rows a dataset of one's own may have before it is refused as a whole."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from secft.dataset.seen import SeenIds
from secft.dataset.sources.reading.bad_record import BadRecordError
from secft.dataset.sources.source import ReadLog
from secft.errors import InputError
from secft.reasons import Reason
from secft.records import Document

_SHOWN = 5
_PATIENCE = 1000
"""Bad rows over the allowed number after which reading on would tell nothing new."""

_EMPTY = "record.empty"
"""Reason of rows that are counted and are not bad: tables are often filled up with them."""

Row = tuple[str, Document | BadRecordError]
"""Where a row stands (``line 7``), and what it became."""


@dataclass(frozen=True)
class Tolerance:
    """What is tolerated, and how it is told.

    Attributes:
        allowed: bad rows that are tolerated.
        setting: name of the setting that says so.
        unit: what a row is called: ``line`` or ``row``.
        where: the input.
        expected: what rows should be.
    """

    allowed: int
    setting: str
    unit: str
    where: str
    expected: str

    def error(self, bad: list[tuple[str, str]]) -> InputError:
        """Return the error for more bad rows than allowed."""
        shown = "".join(f"\n  {name}: {reason}" for name, reason in bad[:_SHOWN])
        more = f"\n  and {len(bad) - _SHOWN} more" if len(bad) > _SHOWN else ""
        counts = f"{len(bad)} bad {self.unit}(s), {self.allowed} allowed ({self.setting})"
        return InputError(f"{self.where}: {counts}; expected {self.expected}:{shown}{more}")


def accepted(rows: Iterable[Row], log: ReadLog, tolerance: Tolerance) -> Iterator[Document]:
    """Yield the documents of good rows; bad rows are counted by reason.

    Raises:
        InputError: at the end of the rows, if more of them are bad than allowed.
    """
    ids = SeenIds()
    bad: list[tuple[str, str]] = []
    for name, made in rows:
        if isinstance(made, Document) and ids.add(made.id):
            yield made
            continue
        reason = made.reason if isinstance(made, BadRecordError) else Reason("record.repeated_id")
        log.refuse(name, reason)
        if reason.code == _EMPTY:
            continue
        bad.append((name, reason.text()))
        if len(bad) > tolerance.allowed + _PATIENCE:
            break
    if len(bad) > tolerance.allowed:
        raise tolerance.error(bad)
