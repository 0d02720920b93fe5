"""Clusters: what is connected by pairs, named by the member that comes first."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
from numpy.typing import NDArray

from secft.dataset.natural import natural

Pair = tuple[str, str]
Rows = NDArray[np.int64]


def clusters(keys: Iterable[str], pairs: Iterable[Pair]) -> dict[str, str]:
    """Join pairs into clusters.

    Returns:
        Key -> the key of its cluster that comes first in natural order; a key without a pair maps to itself.
    """
    parent = {key: key for key in keys}

    def root(key: str) -> str:
        while parent[key] != key:
            parent[key] = parent[parent[key]]
            key = parent[key]
        return key

    for left, right in pairs:
        first, second = sorted((root(left), root(right)), key=natural)
        parent[second] = first
    return {key: root(key) for key in parent}


class Forest:
    """Connected components of numbered nodes, joined by arrays of pairs.

    The lowest number of a component is its root, so the result does not depend on the order in which pairs come.

    Attributes:
        parent: shape (nodes,), int64; a root is its own parent, every other parent is lower than its child.
    """

    def __init__(self, nodes: int) -> None:
        self.parent: Rows = np.arange(nodes, dtype=np.int64)

    def roots(self, nodes: Rows) -> Rows:
        """Return the root of each node, and shorten the ways to them."""
        found = self.parent[nodes]
        while not np.array_equal(above := self.parent[found], found):
            found = above
        self.parent[nodes] = found
        return found

    def apart(self, left: Rows, right: Rows) -> NDArray[np.bool_]:
        """Mark the pairs whose nodes are not connected yet."""
        result: NDArray[np.bool_] = self.roots(left) != self.roots(right)
        return result

    def join(self, left: Rows, right: Rows) -> None:
        """Connect the nodes of every pair.

        Several pairs may want to hang the same root under different ones: the lowest wins, and the others are joined
        in the next round.
        """
        while left.size:
            first, second = self.roots(left), self.roots(right)
            left, right = np.minimum(first, second), np.maximum(first, second)
            np.minimum.at(self.parent, right, left)
            open_ = left != right
            left, right = left[open_], right[open_]

    def all_roots(self) -> Rows:
        """Return the root of every node, shape (nodes,)."""
        return self.roots(np.arange(self.parent.size, dtype=np.int64))
