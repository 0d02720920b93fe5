"""How long conversations are: one row per task and split, with the histogram of their tokens."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Mapping, Sequence
from statistics import median_low
from typing import Any

from secft.records import Example

EDGES = (0, 16, 32, 48, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320, 384, 448, 512, 640, 768, 1024, 1536, 2048, 4096)
"""Lower bounds of the bins, in tokens; the last bin has no upper bound."""


def length_table(splits: Mapping[str, Sequence[Example]], tokens: Mapping[str, int]) -> dict[str, Any]:
    """Return how long the examples of each task and split are.

    Args:
        splits: split -> examples.
        tokens: id of an example -> tokens of the whole conversation.

    Returns:
        ``edges`` (lower bounds of the bins) and ``rows``, each with ``task``, ``split``, ``examples``, ``tokens`` (of
        all), ``shortest``, ``median``, ``longest`` and ``bins`` (number of examples in each); tasks in order of names,
        splits in the order given.
    """
    tasks = sorted({example.task for rows in splits.values() for example in rows})
    table = []
    for task in tasks:
        for split, rows in splits.items():
            lengths = [tokens[example.id] for example in rows if example.task == task]
            if lengths:
                table.append({"task": task, "split": split, **_described(lengths)})
    return {"edges": list(EDGES), "rows": table}


def _described(lengths: Sequence[int]) -> dict[str, Any]:
    bins = [0] * len(EDGES)
    for length in lengths:
        bins[bisect_right(EDGES, length) - 1] += 1
    return {
        "examples": len(lengths),
        "tokens": sum(lengths),
        "shortest": min(lengths),
        "median": median_low(lengths),
        "longest": max(lengths),
        "bins": bins,
    }
