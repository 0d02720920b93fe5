"""Which texts of a cluster stay: each that is like none of those that stay before it.

Clusters are what is connected by pairs, so the ends of a long chain may share nothing. A text is only left out if it is
itself like the one that is kept for it.
"""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np

from secft.dataset.dedup.buckets import BATCH
from secft.dataset.dedup.verify import Candidates, Store, verified
from secft.dataset.dedup.words import Rows
from secft.executor import Executor


class KeptTexts(dict[str, str]):
    """Key of a text -> key of the text that is kept for it, an earlier one by natural order that is like it, or itself.

    Attributes:
        clusters: key of a kept text -> key of the first text of its cluster, where that is another one. They are not
            alike, but connected by texts that are: what learns from one of them should not be measured by the other.
    """

    def __init__(self, pairs: Iterable[tuple[str, str]], clusters: Iterable[tuple[str, str]] = ()) -> None:
        super().__init__(pairs)
        self.clusters = dict(clusters)

    @property
    def left_out(self) -> dict[str, str]:
        """Key of a text that goes -> key of the text that is kept for it."""
        return {key: first for key, first in self.items() if key != first}


def firsts(components: Rows) -> Rows:
    """Return for each text of some clusters the place of the first one of its cluster.

    Args:
        components: shape (n,), cluster of each, in the order in which they are preferred.
    """
    _, first, of = np.unique(components, return_index=True, return_inverse=True)
    result: Rows = first[of]
    return result


def leaders(store: Store, rows: Rows, components: Rows, threshold: float, executor: Executor) -> Rows:
    """Return for each text of some clusters the text that is kept for it: itself, or an earlier one that is like it.

    All clusters are worked through together: in each round the first text of each is kept, and what is like it goes.

    Args:
        store: shingle sets.
        rows: shape (n,), numbers of texts in the store, in the order in which they are preferred.
        components: shape (n,), cluster of each.
        threshold: least Jaccard similarity.
        executor: on what pairs are verified.

    Returns:
        Shape (n,), places in ``rows``.
    """
    order = np.argsort(components, kind="stable")
    kept = np.arange(rows.size, dtype=np.int64)
    while order.size:
        own = components[order]
        first = np.concatenate([[True], own[1:] != own[:-1]])
        heads = order[np.maximum.accumulate(np.where(first, np.arange(order.size), 0))][~first]
        order = order[~first]
        parts = [slice(start, start + BATCH) for start in range(0, order.size, BATCH)]
        work = (Candidates(store, rows[heads[part]], rows[order[part]], threshold) for part in parts)
        like = np.concatenate([np.zeros(0, bool), *executor.map(verified, work)])
        kept[order[like]] = heads[like]
        order = order[~like]
    return kept
