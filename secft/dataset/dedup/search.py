"""Find the clusters of near-duplicates: candidates band by band, each verified, all that is connected joined.

Clusters are what is connected by verified pairs, so a pair that is connected already needs no verification. That is
what keeps big buckets (texts with the same key in a band) cheap without losing anything: first every text of a bucket
is compared with the first one, then only pairs of what is still apart.

Where more than WINDOW texts of a bucket are apart, comparing all of them would be quadratic. Such a bucket is bounded:
each of its texts is compared with the first, with its next WINDOW neighbours, and with those that agree with it in one
of the next SECOND_BANDS bands too (again the first and WINDOW neighbours). A pair is only lost where all buckets that
it shares are as big and it agrees in no two bands near each other: 1.4 % of the pairs at a threshold of 0.8, 0.1 % at a
similarity of 0.85, for 21 bands of 6 rows. Texts are numbered by the digest of what they are,
so all of this is the same in whatever order and by however many workers they are read.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Protocol

import numpy as np

from secft.config.schemas.dedup import DedupConfig
from secft.dataset.dedup.bands import bands_and_rows
from secft.dataset.dedup.buckets import BATCH, WINDOW, Links, Runs, batched, first_with_others, neighbours, runs_of
from secft.dataset.dedup.forest import Forest
from secft.dataset.dedup.verify import Candidates, Store, verified
from secft.dataset.dedup.words import Hashes, Rows
from secft.executor import Executor

SECOND_BANDS = 10
_SECOND_MULTIPLIER = np.uint64(0x9E3779B97F4A7C15)

BandKeys = Callable[[int], Hashes]
"""Number of a band -> key of every text."""


@dataclass
class Search:
    """A search under way.

    Attributes:
        store: shingle sets of the texts.
        rows: shape (texts,), where each text of the search is in the store.
        threshold: least Jaccard similarity.
        executor: on what pairs are verified.
        forest: what is connected so far.
        compared: pairs verified so far.
    """

    store: Store
    rows: Rows
    threshold: float
    executor: Executor
    forest: Forest
    compared: int = 0

    def link(self, proposals: Iterator[Links]) -> None:
        """Verify proposed pairs that are apart, and connect those that are near-duplicates."""
        under_way: deque[Links] = deque()

        def batches() -> Iterator[Candidates]:
            for left, right in batched(self._apart(proposals)):
                under_way.append((left, right))
                yield Candidates(self.store, self.rows[left], self.rows[right], self.threshold)

        for good in self.executor.map(verified, batches()):
            left, right = under_way.popleft()
            self.compared += good.size
            self.forest.join(left[good], right[good])

    def _apart(self, proposals: Iterator[Links]) -> Iterator[Links]:
        for left, right in batched(proposals):
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


def _search_runs(search: Search, runs: Runs) -> Runs:
    """Compare within buckets; return the members of those that were too big to compare all."""
    search.link(first_with_others(runs))
    rest = search.unconnected(runs)
    search.link(neighbours(rest))
    return rest.where(rest.sizes() > WINDOW + 1)


def search_band(search: Search, band: int, bands: int, keys: BandKeys) -> None:
    """Compare what agrees in one band.

    Args:
        search: what is connected so far; changed.
        band: number of the band.
        bands: how many bands there are.
        keys: number of a band -> key of every text in the store, of which only those of the search count.
    """
    own = keys(band)[search.rows]
    too_big = _search_runs(search, runs_of(own, np.arange(own.size, dtype=np.int64)))
    for step in range(1, min(SECOND_BANDS, bands - 1) + 1 if too_big.members.size else 1):
        members = np.sort(too_big.members)
        both = own[members] * _SECOND_MULTIPLIER ^ keys((band + step) % bands)[search.rows[members]]
        _search_runs(search, runs_of(both, members))


def _by_digest(digests: Hashes) -> Rows:
    """Return the numbers of texts in the order of their digests, of equal ones in their own."""
    order: Rows = np.argsort(digests[:, 0])
    leading = digests[order, 0]
    same = leading[1:] == leading[:-1]
    # That sort was not stable, which is faster; the few that it left open are sorted again.
    places = np.flatnonzero(np.concatenate([same, [False]]) | np.concatenate([[False], same]))
    tied = order[places]
    order[places] = tied[np.lexsort((tied, digests[tied, 1], digests[tied, 0]))]
    return order


def same_sets(store: Store, digests: Hashes, executor: Executor) -> Rows:
    """Return for every text the one with the same group and the same set of shingles that stands for all of them.

    Args:
        store: shingle sets.
        digests: shape (n, 2), 128 bits of group and set; equal ones are verified.
        executor: on what pairs are verified.

    Returns:
        Shape (n,), numbers of texts.
    """
    order = _by_digest(digests)
    same = np.zeros(order.size, dtype=bool)
    same[1:] = (digests[order[1:]] == digests[order[:-1]]).all(axis=1)
    heads = order[np.maximum.accumulate(np.where(same, 0, np.arange(order.size)))]
    places = np.flatnonzero(same)
    parts = [places[start : start + BATCH] for start in range(0, places.size, BATCH)]
    first = np.arange(order.size, dtype=np.int64)
    work = (Candidates(store, heads[part], order[part], 1.0) for part in parts)
    for part, good in zip(parts, executor.map(verified, work), strict=True):
        first[order[part][good]] = heads[part][good]
    return first


class SearchProgress(Protocol):
    """Keeps what a search has found, so that a killed one goes on where it was."""

    def load(self) -> tuple[int, Rows] | None:
        """Return how many bands are done and the parents of the forest, or None at the beginning."""
        ...

    def save(self, bands_done: int, parents: Rows) -> None:
        """Keep the state of a search."""
        ...


class Forgetful:
    """Keeps nothing: a search in memory is over soon."""

    def load(self) -> tuple[int, Rows] | None:
        """See Progress."""
        return None

    def save(self, bands_done: int, parents: Rows) -> None:
        """See Progress."""


def connected(
    store: Store, digests: Hashes, keys: BandKeys, settings: DedupConfig, executor: Executor, progress: SearchProgress
) -> Rows:
    """Return a number for each text that is the same for all texts of a cluster, shape (n,).

    Args:
        store: shingle sets.
        digests: shape (n, 2).
        keys: number of a band -> keys of all texts, shape (n,).
        settings: threshold and permutations.
        executor: on what pairs are verified.
        progress: where the state is kept.
    """
    first = same_sets(store, digests, executor)
    distinct = np.flatnonzero(first == np.arange(first.size))
    distinct = distinct[_by_digest(digests[distinct])]
    search = Search(store, distinct, settings.threshold, executor, Forest(distinct.size))
    done, search.forest.parent = progress.load() or (0, search.forest.parent)
    bands, _ = bands_and_rows(settings.threshold, settings.permutations)
    for band in range(done, bands):
        search_band(search, band, bands, keys)
        progress.save(band + 1, search.forest.parent)
    components = np.empty(first.size, dtype=np.int64)
    components[distinct] = search.forest.all_roots()
    return components[first]
