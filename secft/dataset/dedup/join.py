"""The exact join: all pairs of sets whose Jaccard similarity reaches a threshold, none missed.

It is what the implementations are measured against. Its time grows faster than theirs with the number of texts.

Source: Bayardo, Ma and Srikant, Scaling up all pairs similarity search, 2007 (prefix filter); Xiao et al., Efficient
similarity joins for near-duplicate detection (PPJoin), 2008 (length and position filter).
"""

from __future__ import annotations

import math
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping

from secft.dataset.dedup.forest import Pair

# Guards lengths against rounding; a pair let through wrongly is still decided by its exact similarity.
_TOLERANCE = 1e-9


def exact_join(sets: Mapping[str, frozenset[str]], threshold: float) -> set[Pair]:
    """Return every pair of keys whose sets have at least a Jaccard similarity of ``threshold``.

    Args:
        sets: key -> shingles, none empty.
        threshold: in (0, 1].
    """
    numbers = _by_rarity(sets.values())
    rows = sorted((sorted(map(numbers.__getitem__, items)), key) for key, items in sets.items())
    # Shorter sets first, so that every partner that was indexed before is not longer.
    rows.sort(key=lambda row: len(row[0]))
    unique = [frozenset(row) for row, _ in rows]
    index: dict[int, list[tuple[int, int]]] = defaultdict(list)
    pairs: set[Pair] = set()
    for place, (row, key) in enumerate(rows):
        for other in _candidates(rows, row, index, threshold):
            shared = len(unique[place] & unique[other])
            if shared / (len(row) + len(rows[other][0]) - shared) >= threshold:
                pairs.add((min(key, rows[other][1]), max(key, rows[other][1])))
        for position in range(_prefix(len(row), threshold)):
            index[row[position]].append((place, position))
    return pairs


def _by_rarity(sets: Iterable[frozenset[str]]) -> dict[str, int]:
    """Number all shingles, rarest first: prefixes of rare shingles meet few others."""
    counts = Counter(item for items in sets for item in items)
    return {item: number for number, item in enumerate(sorted(counts, key=lambda item: (counts[item], item)))}


def _prefix(size: int, threshold: float) -> int:
    """Return how many first shingles of a set must hold one of every partner's first shingles."""
    return size - math.ceil(threshold * size - _TOLERANCE) + 1


def _candidates(
    rows: list[tuple[list[int], str]], row: list[int], index: Mapping[int, list[tuple[int, int]]], threshold: float
) -> set[int]:
    """Return what shares a shingle in both prefixes and could, by lengths and positions, be similar enough."""
    shortest = threshold * len(row) - _TOLERANCE
    found: set[int] = set()
    for position in range(_prefix(len(row), threshold)):
        for other, other_position in index.get(row[position], ()):
            size = len(rows[other][0])
            if size < shortest or other in found:
                continue
            needed = threshold / (1 + threshold) * (len(row) + size) - _TOLERANCE
            # Shingles before the first common one are not shared.
            if min(len(row) - position, size - other_position) >= needed:
                found.add(other)
    return found
