"""What a pretrained model must beat: counts of three tokens in a row, smoothed.

Source: Witten and Bell, The zero-frequency problem, 1991, as interpolated smoothing in Chen and Goodman, An empirical
study of smoothing techniques for language modeling, 1996.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

MOST_TOKENS = 20_000_000
"""Tokens that are counted, from the beginning of the file."""

Tokens = NDArray[np.uint16]
Floats = NDArray[np.float64]


class _Order:
    """Counts of runs of n tokens and of what precedes their last one."""

    def __init__(self, tokens: NDArray[np.uint64], length: int) -> None:
        runs = _runs(tokens, length)
        self.length = length
        self.keys, self.counts = np.unique(runs, return_counts=True)
        contexts = self.keys >> np.uint64(16)
        # Runs are sorted, so those of one context stand together.
        starts = np.flatnonzero(np.concatenate([[True], contexts[1:] != contexts[:-1]]))
        self.contexts = contexts[starts]
        self.totals = np.add.reduceat(self.counts, starts)
        self.kinds = np.diff(starts, append=contexts.size)

    def mixed(self, runs: NDArray[np.uint64], lower: Floats) -> Floats:
        """Return the probability of the last token of each run, mixed with that of a shorter context."""
        count = _looked_up(self.keys, self.counts, runs)
        context = runs >> np.uint64(16)
        total, kinds = (_looked_up(self.contexts, values, context) for values in (self.totals, self.kinds))
        mixed: Floats = np.where(total > 0, (count + kinds * lower) / np.maximum(total + kinds, 1), lower)
        return mixed


def _runs(tokens: NDArray[np.uint64], length: int) -> NDArray[np.uint64]:
    size = tokens.size - length + 1
    runs = tokens[:size].copy()
    for place in range(1, length):
        runs = (runs << np.uint64(16)) | tokens[place : place + size]
    return runs


def _looked_up(keys: NDArray[Any], values: NDArray[Any], wanted: NDArray[Any]) -> Floats:
    places = np.minimum(np.searchsorted(keys, wanted), keys.size - 1)
    return np.where(keys[places] == wanted, values[places], 0).astype(np.float64)


class Trigrams:
    """Interpolated trigrams of a file of tokens.

    Args:
        tokens: shape (n,), n at least 3.
        vocabulary: number of tokens that there are.
    """

    def __init__(self, tokens: Tokens, vocabulary: int) -> None:
        some = tokens[:MOST_TOKENS].astype(np.uint64)
        self._orders = [_Order(some, length) for length in (1, 2, 3)]
        self._vocabulary = vocabulary

    def losses(self, tokens: Tokens) -> Floats:
        """Return the loss in nats of every token after the first two, shape (n - 2,)."""
        wide = tokens.astype(np.uint64)
        probability: Floats = np.full(tokens.size - 2, 1 / self._vocabulary)
        for order in self._orders:
            runs = _runs(wide, order.length)[3 - order.length :]
            probability = order.mixed(runs, probability)
        return -np.log(probability)
