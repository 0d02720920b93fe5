"""How much of the training split one pass takes: all of it, or some of its rows where hardware is slow."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any, TypeVar

import numpy as np

from secft.config.schemas.training import TrainerConfig
from secft.dataset.curation.balance import ADDED
from secft.dataset.split import rank
from secft.files import read_jsonl, write_jsonl
from secft.records import message_text

Trainer = TypeVar("Trainer", bound=TrainerConfig)
ADDED_PART = 1 / 3
"""Part of a short pass that the examples which secft adds itself may take: refusals, harmless requests, small talk."""


def cut_short(trainer: Trainer, tokens: int) -> Trainer:
    """Return the trainer with as many epochs as its passes take of the split, and no bound on passes: for a plan.

    Args:
        trainer: what is configured.
        tokens: of the training split.
    """
    if trainer.pass_tokens is None or trainer.max_steps or tokens <= trainer.pass_tokens:
        return replace(trainer, pass_tokens=None)
    return replace(trainer, epochs=trainer.epochs * trainer.pass_tokens / tokens, pass_tokens=None)


def told_short(trainer: TrainerConfig, tokens: int) -> str | None:
    """Return what a person is told of passes that are cut short, or None where they are whole."""
    if cut_short(trainer, tokens).epochs == trainer.epochs:
        return None
    return (
        f"a pass takes {trainer.pass_tokens:,} of {tokens:,} tokens, as the hardware option has it for its speed; "
        "trainer.pass_tokens=null takes all"
    )


def short_split(split: Path, out: Path, part: float, seed: int) -> Path:
    """Write the rows of a split that a short pass takes, in their order, and return the file.

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
