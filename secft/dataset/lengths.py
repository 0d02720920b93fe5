"""How long conversations are: one row per task and split, with the histogram of their tokens."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from secft.dataset.dedup.words import Rows

Splits = Mapping[str, Rows]
"""Split -> rows of a table, ascending."""

EDGES = (0, 16, 32, 48, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320, 384, 448, 512, 640, 768, 1024, 1536, 2048, 4096)
"""Lower bounds of the bins, in tokens; the last bin has no upper bound."""


def length_table(tasks: NDArray[np.integer[Any]], names: Sequence[str], splits: Splits, tokens: Rows) -> dict[str, Any]:
    """Return how long the examples of each task and split are.

    Args:
        tasks: shape (n,), number of each example's task.
        names: tasks by number.
        splits: split -> rows.
        tokens: shape (n,), tokens of the whole conversation.

    Returns:
        ``edges`` (lower bounds of the bins) and ``rows``, each with ``task``, ``split``, ``examples``, ``tokens`` (of
        all), ``shortest``, ``median`` (the lower one), ``longest`` and ``bins`` (number of examples in each); tasks in
        order of names, splits in the order given.
    """
    table = []
    for name, number in sorted((name, number) for number, name in enumerate(names)):
        for split, rows in splits.items():
            lengths = tokens[rows[tasks[rows] == number]]
            if lengths.size:
                table.append({"task": name, "split": split, **_described(lengths)})
    return {"edges": list(EDGES), "rows": table}


def _described(lengths: Rows) -> dict[str, Any]:
    bins = np.bincount(np.searchsorted(EDGES, lengths, side="right") - 1, minlength=len(EDGES))
    return {
        "examples": lengths.size,
        "tokens": int(lengths.sum()),
        "shortest": int(lengths.min()),
        "median": int(np.sort(lengths)[(lengths.size - 1) // 2]),
        "longest": int(lengths.max()),
        "bins": bins.tolist(),
    }
