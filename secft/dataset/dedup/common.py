"""Text that many records share: signatures, disclaimers, standard advice. What is common is not copied.

Runs of words are counted in buckets of their hashes, so memory does not grow with the number of records; buckets are so
many that a rare run hardly ever shares one with a common run.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from secft.dataset.dedup.words import Hashes, Rows

FEWEST = 10
"""A run in fewer records than this is not common, however few records there are."""
OWN_SHINGLES = 8
"""A text with fewer shingles of its own is compared as a whole: it says nothing else."""
_MOST_BITS, _FEWEST_BITS, _BUCKETS_PER_HASH = 24, 16, 16
Marks = NDArray[np.bool_]


@dataclass(frozen=True)
class Common:
    """Which runs are common.

    Attributes:
        marks: shape (2**bits,), whether the runs of a bucket are.
    """

    marks: Marks

    def of(self, hashes: Hashes) -> Marks:
        """Mark the common ones of some runs, shape (n,)."""
        found: Marks = self.marks[_buckets(hashes, int(self.marks.size).bit_length() - 1)]
        return found

    @property
    def any(self) -> bool:
        """Whether there is a common run at all."""
        return bool(self.marks.any())


def _buckets(hashes: Hashes, bits: int) -> NDArray[np.int64]:
    return (hashes >> np.uint64(64 - bits)).astype(np.int64)


def count_common(parts: Iterable[Hashes], runs: int, records: int, share: float) -> Common:
    """Find the runs that stand in more than a share of the records, and in more than ten.

    Args:
        parts: hashes of runs; those of one record are distinct.
        runs: about how many there are in all.
        records: how many records there are.
        share: from 0 to 1; 1 finds none.
    """
    return more_than(parts if share < 1 else (), runs, max(FEWEST, share * records))


def more_than(parts: Iterable[Hashes], runs: int, most: float) -> Common:
    """Find the runs that stand in more than so many records.

    Args:
        parts: hashes of runs; those of one record are distinct.
        runs: about how many there are in all.
        most: records.
    """
    bits = min(max(int(runs * _BUCKETS_PER_HASH).bit_length(), _FEWEST_BITS), _MOST_BITS)
    counts = np.zeros(1 << bits, np.int32)
    for part in parts:
        counts += np.bincount(_buckets(part, bits), minlength=counts.size).astype(np.int32)
    return Common(counts > most)


def own_shingles(values: Hashes, sizes: Rows, common: Common) -> tuple[Hashes, Rows]:
    """Return the shingle sets of texts without what is common; texts that say nothing else stay whole.

    Args:
        values: flat hashes of all sets.
        sizes: shape (n,), size of each set.
        common: which ones are common.
    """
    if not common.any:
        return values, sizes
    marked, owners = common.of(values), np.repeat(np.arange(sizes.size), sizes)
    own = sizes - np.bincount(owners[marked], minlength=sizes.size)
    marked &= (own >= OWN_SHINGLES)[owners]
    left: Rows = sizes - np.bincount(owners[marked], minlength=sizes.size)
    return values[~marked], left
