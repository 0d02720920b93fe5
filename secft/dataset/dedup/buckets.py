"""Texts with equal keys: buckets, and the pairs that are proposed within them."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from secft.dataset.dedup.native import library, repeated
from secft.dataset.dedup.words import Hashes, Rows

WINDOW = 64
"""Up to one text more than this, all pairs of a bucket are proposed."""
BATCH = 200_000
"""Pairs verified at once; about 200 MB for texts of a hundred words."""

Links = tuple[Rows, Rows]


@dataclass(frozen=True)
class Runs:
    """Texts with equal keys, bucket after bucket.

    Attributes:
        members: shape (n,), numbers of texts; ascending within a bucket.
        buckets: shape (n,), number of the bucket of each member, ascending.
    """

    members: Rows
    buckets: Rows

    def where(self, chosen: NDArray[np.bool_]) -> Runs:
        """Return the chosen members."""
        return Runs(self.members[chosen], self.buckets[chosen])

    def firsts(self) -> Rows:
        """Return where in the arrays the first member of each member's bucket is, shape (n,)."""
        new = np.flatnonzero(np.diff(self.buckets, prepend=-1))
        return np.repeat(new, np.diff(new, append=self.buckets.size))

    def sizes(self) -> Rows:
        """Return the size of each member's bucket, shape (n,)."""
        new = np.flatnonzero(np.diff(self.buckets, prepend=-1))
        size = np.diff(new, append=self.buckets.size)
        return np.repeat(size, size)


def runs_of(keys: Hashes, members: Rows) -> Runs:
    """Return the buckets of at least two texts.

    Args:
        keys: shape (n,), key of each text.
        members: shape (n,), their numbers, ascending.
    """
    if (loaded := library()) is not None:
        # Most keys are there once, and need not be sorted.
        places = repeated(loaded, keys)
        keys, members = keys[places], members[places]
    order = np.argsort(keys)
    ordered = keys[order]
    same = ordered[1:] == ordered[:-1]
    inside = np.zeros(keys.size, dtype=bool)
    inside[1:] |= same
    inside[:-1] |= same
    buckets = np.zeros(keys.size, dtype=np.int64)
    np.cumsum(~same, out=buckets[1:])
    # Sorting was not stable, which is faster; within buckets, few as they are, the order is made good here.
    found, buckets = members[order[inside]], buckets[inside]
    return Runs(found[np.lexsort((found, buckets))], buckets)


def batched(proposals: Iterator[Links]) -> Iterator[Links]:
    """Put small proposals together and cut big ones, so that each batch is worth a journey to a worker."""
    waiting: list[Links] = []
    count = 0
    for left, right in proposals:
        waiting.append((left, right))
        count += left.size
        while count >= BATCH:
            whole_left, whole_right = (np.concatenate(part) for part in zip(*waiting, strict=True))
            yield whole_left[:BATCH], whole_right[:BATCH]
            waiting = [(whole_left[BATCH:], whole_right[BATCH:])]
            count -= BATCH
    if count:
        left, right = (np.concatenate(part) for part in zip(*waiting, strict=True))
        yield left, right


def first_with_others(runs: Runs) -> Iterator[Links]:
    """Yield the pairs of the first text of each bucket with every other one."""
    firsts = runs.firsts()
    later = np.arange(firsts.size) != firsts
    yield runs.members[firsts[later]], runs.members[later]


def neighbours(runs: Runs) -> Iterator[Links]:
    """Yield the pairs of a bucket that are at most WINDOW apart: all pairs of a bucket of up to WINDOW + 1 texts."""
    for distance in range(1, WINDOW + 1):
        same = runs.buckets[distance:] == runs.buckets[:-distance]
        if not same.any():
            return
        yield runs.members[:-distance][same], runs.members[distance:][same]
