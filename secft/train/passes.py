"""How much of the training split one pass takes: all of it, or some of its rows where hardware is slow."""

from __future__ import annotations

from dataclasses import replace
from typing import TypeVar

from secft.config.schemas.training import TrainerConfig

Trainer = TypeVar("Trainer", bound=TrainerConfig)


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
