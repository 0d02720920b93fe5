"""Exact Jaccard similarity of many pairs of texts at once."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from secft.dataset.dedup.native import bit_maps, count_shared, library, maps_agree
from secft.dataset.dedup.words import Hashes, Rows, blocks, padded, with_tail

_BLOCK = 65_536


@dataclass(frozen=True)
class Sets:
    """Shingle sets of some texts.

    Attributes:
        values: flat sorted hashes, with a tail, see secft.dataset.dedup.words.with_tail.
        starts: shape (n,), where the set of each text starts in ``values``.
        sizes: shape (n,), size of each set.
        groups: shape (n,), hash of each text's group.
        maps: shape (n, 32), bits of each set that tell most pairs that share too little; None leaves it to the sets.
    """

    values: Hashes
    starts: Rows
    sizes: Rows
    groups: Hashes
    maps: Hashes | None = None


def sets_in_memory(values: Hashes, sizes: Rows, groups: Hashes) -> Sets:
    """Return sets out of which many pairs will be compared.

    Args:
        values: flat sorted hashes of all sets.
        sizes: shape (n,), size of each set.
        groups: shape (n,), hash of each text's group.
    """
    loaded = library()
    starts = np.cumsum(sizes) - sizes
    if loaded is not None:
        return Sets(values, starts, sizes, groups, bit_maps(loaded, values, sizes))
    # Only numpy reads beyond the last set.
    return Sets(with_tail(values, sizes), starts, sizes, groups)


class Store(Protocol):
    """Where shingle sets are kept: in memory, or on disk. Travels to workers by pickle."""

    def sets(self, rows: Rows) -> tuple[Sets, Rows]:
        """Return sets that hold those of some texts, and where in them each of ``rows`` is."""
        ...


@dataclass(frozen=True)
class MemoryStore:
    """All shingle sets, in memory."""

    everything: Sets

    def sets(self, rows: Rows) -> tuple[Sets, Rows]:
        """See Store."""
        return self.everything, rows


@dataclass(frozen=True)
class Candidates:
    """Pairs of texts to be verified.

    Attributes:
        store: where their sets are.
        left: shape (pairs,), numbers of texts in the store.
        right: shape (pairs,).
        threshold: least Jaccard similarity.
    """

    store: Store
    left: Rows
    right: Rows
    threshold: float


def verified(candidates: Candidates) -> NDArray[np.bool_]:
    """Mark the pairs of one group whose exact Jaccard similarity reaches the threshold, shape (pairs,)."""
    sets, places = candidates.store.sets(np.concatenate([candidates.left, candidates.right]))
    left, right = np.split(places, 2)
    smaller, larger = np.minimum(sets.sizes[left], sets.sizes[right]), np.maximum(sets.sizes[left], sets.sizes[right])
    # The similarity is at most smaller / larger.
    result: NDArray[np.bool_] = (smaller / larger >= candidates.threshold) & (sets.groups[left] == sets.groups[right])
    open_ = np.flatnonzero(result)
    total = sets.sizes[left] + sets.sizes[right]
    if (loaded := library()) is not None:
        if sets.maps is not None:
            agree = maps_agree(loaded, sets.maps, left[open_], right[open_], total[open_], candidates.threshold)
            result[open_] = agree
            open_ = open_[agree]
        one, other = left[open_], right[open_]
        ways = (sets.starts[one], sets.sizes[one]), (sets.starts[other], sets.sizes[other])
        shared = count_shared(loaded, sets.values, *ways, candidates.threshold)
        result[open_] = shared / (total[open_] - shared) >= candidates.threshold
        return result
    for block in blocks(total[open_], _BLOCK):
        pairs = open_[block]
        shared = _shared(sets, left[pairs], right[pairs])
        result[pairs] = shared / (total[pairs] - shared) >= candidates.threshold
    return result


def _shared(sets: Sets, left: Rows, right: Rows) -> Rows:
    """Return how many shingles the sets of each pair share.

    Both sets of a pair go into one sorted row, where what is shared stands twice in a row.
    """
    first = padded(sets.values, sets.starts[left], sets.sizes[left], repeat_first=False)
    second = padded(sets.values, sets.starts[right], sets.sizes[right], repeat_first=False)
    both = np.concatenate([first, second], axis=1)
    both.sort(axis=1)
    twice = np.count_nonzero(both[:, 1:] == both[:, :-1], axis=1)
    padding = both.shape[1] - sets.sizes[left] - sets.sizes[right]
    shared: Rows = twice - np.maximum(padding - 1, 0)
    return shared
