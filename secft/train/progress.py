"""Showing how training goes: a bar on a terminal, plain lines elsewhere."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

PLAIN_SECONDS = 10.0


@dataclass(frozen=True)
class StepProgress:
    """One row of metrics.jsonl, as a person wants to see it.

    Attributes:
        step: optimizer steps done.
        total_steps: optimizer steps of the whole run.
        loss: training loss in nats per token; None in a validation row or when not finite.
        eval_loss: validation loss; None in a training row or when not finite.
        tokens_per_second: speed of the step; 0 in a validation row.
        remaining_seconds: estimate.
        reward: mean reward of the step's answers, from 0 to 1; None where nothing is rewarded.
        eval_reward: mean reward of answers to held-out questions; None in a training row, or where nothing is rewarded.
    """

    step: int
    total_steps: int
    loss: float | None
    eval_loss: float | None
    tokens_per_second: float
    remaining_seconds: float
    reward: float | None = None
    eval_reward: float | None = None

    @classmethod
    def from_row(cls, row: Mapping[str, Any], total_steps: int, remaining_seconds: float) -> StepProgress:
        """Build from a row of metrics.jsonl."""
        return cls(
            step=row["step"],
            total_steps=total_steps,
            loss=row.get("loss"),
            eval_loss=row.get("eval_loss"),
            tokens_per_second=row.get("tokens_per_second", 0.0),
            remaining_seconds=max(remaining_seconds, 0.0),
            reward=row.get("reward"),
            eval_reward=row.get("eval_reward"),
        )

    def line(self) -> str:
        """Describe the row in one line of text."""
        step = f"step {self.step}/{self.total_steps}"
        if self.eval_reward is not None:
            return f"{step}  reward of held-out questions {self.eval_reward:.4f}"
        if self.eval_loss is not None:
            return f"{step}  validation loss {self.eval_loss:.4f}"
        learned = "loss not finite" if self.loss is None else f"loss {self.loss:.4f}"
        if self.reward is not None:
            learned = f"reward {self.reward:.4f}"
        minutes, seconds = divmod(int(self.remaining_seconds), 60)
        return f"{step}  {learned}  {self.tokens_per_second:.0f} tokens/s  {minutes}:{seconds:02d} left"


@contextmanager
def reporter(on_progress: Callable[[StepProgress], None] | None) -> Iterator[Callable[[StepProgress], None]]:
    """Yield what is to be called for each row: the caller's function, a bar, or a printer of lines."""
    if on_progress is not None:
        yield on_progress
    elif sys.stderr.isatty():
        with _bar() as show:
            yield show
    else:
        yield _PlainLines()


class _PlainLines:
    """Prints the first row, the last one, every validation, and otherwise one line each ten seconds."""

    def __init__(self) -> None:
        self.printed_at = 0.0

    def __call__(self, progress: StepProgress) -> None:
        due = time.monotonic() - self.printed_at >= PLAIN_SECONDS
        if due or progress.eval_loss is not None or progress.step == progress.total_steps:
            self.printed_at = time.monotonic()
            print(f"train: {progress.line()}", file=sys.stderr, flush=True)


@contextmanager
def _bar() -> Iterator[Callable[[StepProgress], None]]:
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn

    columns = (TextColumn("train"), BarColumn(), MofNCompleteColumn(), TextColumn("{task.fields[state]}"))
    with Progress(*columns, console=Console(stderr=True)) as bar:
        task = bar.add_task("train", total=None, state="starting")

        def show(progress: StepProgress) -> None:
            state = progress.line().partition("  ")[2]
            bar.update(task, total=progress.total_steps, completed=progress.step, state=state)

        yield show
