"""How many optimiser steps a training will do, and on how many tokens."""

from __future__ import annotations

import math
from dataclasses import dataclass

from secft.errors import Problem
from secft.train.checks.rows import SeenRows
from secft.train.packing import pack_rows
from secft.train.passes import cut_short
from secft.train.setup import TrainingSetup


@dataclass(frozen=True)
class Steps:
    """The length of a training.

    Attributes:
        examples: conversations that are trained on in one epoch.
        rows: packed rows of one epoch; examples, where nothing is packed.
        global_batch: rows of one optimiser step.
        steps: optimiser steps in all.
        tokens: tokens of all epochs.
        trained: those of them that carry loss.
    """

    examples: int
    rows: int
    global_batch: int
    steps: int
    tokens: int
    trained: int


def steps_of(setup: TrainingSetup, seed: int, seen: SeenRows) -> Steps:
    """Count steps from the lengths of the rows that were looked at."""
    trainer = setup.trainer
    lengths = [length for length in seen.lengths if length <= trainer.max_length]
    scale = seen.total / max(seen.looked_at, 1)
    packed = len(pack_rows(lengths, trainer.max_length, seed)) if trainer.packing and lengths else len(lengths)
    examples, rows = round(len(lengths) * scale), math.ceil(packed * scale)
    batch = setup.global_batch
    epoch = max(math.ceil(rows / batch), 1)
    steps = trainer.max_steps or math.ceil(cut_short(trainer, round(sum(lengths) * scale)).epochs * epoch)
    passes = steps / epoch
    return Steps(
        examples, rows, batch, steps, round(sum(lengths) * scale * passes), round(seen.trained * scale * passes)
    )


def step_problems(setup: TrainingSetup, steps: Steps) -> list[Problem]:
    """Report a dataset that is smaller than a batch, and a training that ends before its first validation."""
    trainer, found = setup.trainer, []
    if steps.rows < steps.global_batch:
        wanted = f"one step takes {steps.global_batch:,} rows ({trainer.micro_batch_size} x "
        wanted += f"{trainer.gradient_accumulation} x {setup.world} processes)"
        packed = f", which are packed into {steps.rows:,}" if trainer.packing else ""
        reason = f"{wanted}, and there are {steps.examples:,} examples{packed}"
        remedy = "Lower trainer.micro_batch_size or trainer.gradient_accumulation, or give more examples."
        batch, stops = trainer.micro_batch_size, steps.examples < steps.global_batch
        found.append(
            Problem("trainer.micro_batch_size", reason, batch, remedy=remedy, code="global batch", stops=stops)
        )
    if trainer.max_steps is None and trainer.eval_steps > steps.steps:
        reason = f"is beyond the last step, {steps.steps:,}: validation happens at the end only"
        remedy = "Set trainer.eval_steps=0 to say so."
        value = trainer.eval_steps
        found.append(Problem("trainer.eval_steps", reason, value, remedy=remedy, code="evaluation steps", stops=False))
    return found
