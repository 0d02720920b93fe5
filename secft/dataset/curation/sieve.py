"""What is left of a table of examples, step by step, with counts of what was dropped."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from secft.dataset.curation.funnel import Funnel
from secft.dataset.dedup.words import Rows
from secft.reasons import Reason

Dropped = Iterable[tuple[Rows | Iterable[int], Reason]]
"""Rows and why they go; where a row stands twice, the last reason counts."""


class Sieve:
    """Rows of a table that are still there.

    Attributes:
        alive: shape (n,).
        funnel: notes every step.
    """

    def __init__(self, size: int, funnel: Funnel) -> None:
        self.alive: NDArray[np.bool_] = np.ones(size, bool)
        self.funnel = funnel

    @property
    def rows(self) -> Rows:
        """Rows that are left, ascending."""
        return np.flatnonzero(self.alive)

    def drop(self, step: str, dropped: Dropped, flagged: Mapping[str, int] | None = None, details: Any = None) -> None:
        """Take rows out and record the step; rows that are gone already do not count."""
        seen = int(self.alive.sum())
        reasons: dict[int, Reason] = {}
        which = np.full(self.alive.size, -1, np.int16)
        for number, (rows, reason) in enumerate(dropped):
            places = np.asarray(rows if isinstance(rows, np.ndarray) else list(rows), np.int64)
            which[places] = number
            reasons[number] = reason
        gone = which[self.alive & (which >= 0)]
        counts: dict[Reason, int] = {}
        for number, count in enumerate(np.bincount(gone, minlength=len(reasons)).tolist()):
            if count:
                counts[reasons[number]] = counts.get(reasons[number], 0) + count
        self.alive &= which < 0
        self.funnel.record(step, seen, counts, flagged=flagged, details=details)


def by_reason(found: Mapping[int, Reason]) -> Dropped:
    """Return rows by the reason that each has."""
    groups: dict[Reason, list[int]] = {}
    for row, reason in found.items():
        groups.setdefault(reason, []).append(row)
    return [(rows, reason) for reason, rows in groups.items()]
