"""Some rows of a split, where all of them are more than a machine can train on in reasonable time."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from secft.dataset.curation.balance import ADDED
from secft.dataset.split import rank
from secft.files import read_jsonl, write_jsonl
from secft.records import message_text

ADDED_PART = 1 / 3
"""Part of an excerpt that the examples which secft adds itself may take: refusals, harmless requests, small talk."""


def excerpt(split: Path, out: Path, part: float, seed: int) -> Path:
    """Write some rows of a split, in their order, and return the file.

    Rows are drawn by seed. Those that secft adds itself come first, up to a third: a model that sees few examples
    unlearns to refuse before it learns what is taught, if only a part of the few refusals is among them.

    Args:
        split: a file of the dataset.
        out: the file to write.
        part: of the characters of the split, between 0 and 1.
        seed: of the run.
    """
    facts = [(rank(seed, row["id"]), _characters(row), row["source"] == ADDED) for row in read_jsonl(split)]
    ranks, sizes, added = (np.array(column) for column in zip(*facts, strict=True))
    budget = part * sizes.sum()
    taken = np.zeros(ranks.size, bool)
    for rows, most in ((np.flatnonzero(added), ADDED_PART * budget), (np.flatnonzero(~added), budget)):
        order = rows[np.argsort(ranks[rows], kind="stable")]
        taken[order[np.cumsum(sizes[order]) + sizes[taken].sum() <= most]] = True

    def chosen() -> Iterator[dict[str, Any]]:
        return (row for row, wanted in zip(read_jsonl(split), taken, strict=True) if wanted)

    write_jsonl(out, chosen())
    return out


def _characters(row: dict[str, Any]) -> int:
    return sum(len(message_text(message)) for message in row["messages"])
