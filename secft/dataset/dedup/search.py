"""Find the clusters of near-duplicates: candidates band by band, each verified, all that is connected joined.

Clusters are what is connected by verified pairs, so a pair that is connected already needs no verification. That is
what keeps big buckets (texts with the same key in a band) cheap without losing anything: first every text of a bucket
is compared with the first one, then only pairs of what is still apart.

Where more than WINDOW texts of a bucket are apart, comparing all of them would be quadratic. Such a bucket is bounded:
each of its texts is compared with the first, with its next WINDOW neighbours, and with those that agree with it in one
of the next SECOND_BANDS bands too (again the first and WINDOW neighbours). A pair is only lost where all buckets that
it shares are as big and it agrees in no two bands near each other. Texts are numbered by the digest of what they are,
so all of this is the same in whatever order and by however many workers they are read.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from secft.dataset.dedup.forest import Forest
from secft.dataset.dedup.verify import Candidates, Store, verified
from secft.dataset.dedup.words import Hashes, Rows
from secft.engine import Engine

WINDOW = 64
SECOND_BANDS = 4
_BATCH = 200_000
"""Pairs verified at once; about 200 MB for texts of a hundred words."""
_SECOND_MULTIPLIER = np.uint64(0x9E3779B97F4A7C15)

Links = tuple[Rows, Rows]
BandKeys = Callable[[int], Hashes]


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
    order = np.argsort(keys, kind="stable")
    ordered = keys[order]
    same = ordered[1:] == ordered[:-1]
    inside = np.zeros(keys.size, dtype=bool)
    inside[1:] |= same
    inside[:-1] |= same
    buckets = np.zeros(keys.size, dtype=np.int64)
    np.cumsum(~same, out=buckets[1:])
    return Runs(members[order[inside]], buckets[inside])


@dataclass
class Search:
    """A search under way.

    Attributes:
        store: shingle sets of the texts.
        threshold: least Jaccard similarity.
        engine: on what pairs are verified.
        forest: what is connected so far.
        compared: pairs verified so far.
        found: verified pairs that joined clusters, as arrays of left and right.
    """

    store: Store
    threshold: float
    engine: Engine
    forest: Forest
    compared: int = 0

    def link(self, proposals: Iterator[Links]) -> None:
        """Verify proposed pairs that are apart, and connect those that are near-duplicates."""
        batches = (Candidates(self.store, *pairs, self.threshold) for pairs in _batched(self._apart(proposals)))
        pending: list[Candidates] = []

        def remembered() -> Iterator[Candidates]:
            for batch in batches:
                pending.append(batch)
                yield batch

        for good in self.engine.map(verified, remembered()):
            batch = pending.pop(0)
            self.compared += good.size
            self.forest.join(batch.left[good], batch.right[good])

    def _apart(self, proposals: Iterator[Links]) -> Iterator[Links]:
        for left, right in proposals:
            apart = self.forest.apart(left, right)
            yield left[apart], right[apart]

    def unconnected(self, runs: Runs) -> Runs:
        """Return the buckets whose texts are not all connected, without their first ones."""
        firsts = runs.firsts()
        strangers = self.forest.apart(runs.members, runs.members[firsts])
        open_ = np.zeros(runs.members.size, dtype=np.int64)
        np.maximum.at(open_, firsts, strangers)
        later = np.arange(firsts.size) != firsts
        return runs.where((open_[firsts] > 0) & later)


def _batched(proposals: Iterator[Links]) -> Iterator[Links]:
    """Put small proposals together and cut big ones, so that each batch is worth a journey to a worker."""
    waiting: list[Links] = []
    count = 0
    for left, right in proposals:
        waiting.append((left, right))
        count += left.size
        while count >= _BATCH:
            whole_left, whole_right = (np.concatenate(part) for part in zip(*waiting, strict=True))
            yield whole_left[:_BATCH], whole_right[:_BATCH]
            waiting = [(whole_left[_BATCH:], whole_right[_BATCH:])]
            count -= _BATCH
    if count:
        left, right = (np.concatenate(part) for part in zip(*waiting, strict=True))
        yield left, right


def _first_with_others(runs: Runs) -> Iterator[Links]:
    firsts = runs.firsts()
    later = np.arange(firsts.size) != firsts
    yield runs.members[firsts[later]], runs.members[later]


def _neighbours(runs: Runs) -> Iterator[Links]:
    """Yield the pairs of a bucket that are at most WINDOW apart: all pairs of a bucket of up to WINDOW + 1 texts."""
    for distance in range(1, WINDOW + 1):
        same = runs.buckets[distance:] == runs.buckets[:-distance]
        if not same.any():
            return
        yield runs.members[:-distance][same], runs.members[distance:][same]


def _search_runs(search: Search, runs: Runs) -> Runs:
    """Compare within buckets; return the members of those that were too big to compare all."""
    search.link(_first_with_others(runs))
    rest = search.unconnected(runs)
    search.link(_neighbours(rest))
    return rest.where(rest.sizes() > WINDOW + 1)


def search_band(search: Search, band: int, bands: int, keys: BandKeys) -> None:
    """Compare what agrees in one band.

    Args:
        search: what is connected so far; changed.
        band: number of the band.
        bands: how many bands there are.
        keys: number of a band -> key of every text, shape (texts,).
    """
    own = keys(band)
    too_big = _search_runs(search, runs_of(own, np.arange(own.size, dtype=np.int64)))
    for step in range(1, min(SECOND_BANDS, bands - 1) + 1 if too_big.members.size else 1):
        members = np.sort(too_big.members)
        both = own[members] * _SECOND_MULTIPLIER ^ keys((band + step) % bands)[members]
        _search_runs(search, runs_of(both, members))


def same_sets(store: Store, digests: Hashes, threshold_of_equality: float = 1.0) -> Rows:
    """Return for every text the first one with the same group and the same set of shingles.

    Args:
        store: shingle sets.
        digests: shape (n, 2), 128 bits of group and set; equal ones are verified.
        threshold_of_equality: a Jaccard similarity of 1 is equality.

    Returns:
        Shape (n,), numbers of texts; a text without an equal one before it has its own.
    """
    order = np.lexsort((digests[:, 1], digests[:, 0]))
    ordered = digests[order]
    same = np.zeros(order.size, dtype=bool)
    same[1:] = (ordered[1:] == ordered[:-1]).all(axis=1)
    heads = order[np.maximum.accumulate(np.where(same, 0, np.arange(order.size)))]
    first = np.arange(order.size, dtype=np.int64)
    for start in range(0, int(same.sum()), _BATCH):
        pairs = np.flatnonzero(same)[start : start + _BATCH]
        left, right = heads[pairs], order[pairs]
        good = verified(Candidates(store, left, right, threshold_of_equality))
        first[right[good]] = left[good]
    return first
