"""Validation history: which evaluation was best, and when to stop."""

from __future__ import annotations

import json
import math
from dataclasses import dataclass, field
from pathlib import Path


@dataclass
class EvaluationHistory:
    """Validation losses by step.

    Attributes:
        losses: (optimizer step, loss) in order; a loss may be infinite.
    """

    losses: list[tuple[int, float]] = field(default_factory=list)

    @classmethod
    def from_metrics(cls, path: Path) -> EvaluationHistory:
        """Read the history of an interrupted run from its metrics.jsonl."""
        history = cls()
        if path.is_file():
            for line in path.read_text(encoding="utf-8").splitlines():
                row = json.loads(line)
                if "eval_loss" in row:
                    history.add(row["step"], math.inf if row["eval_loss"] is None else row["eval_loss"])
        return history

    def add(self, step: int, loss: float) -> bool:
        """Append a loss and tell whether it is the best so far."""
        value = loss if math.isfinite(loss) else math.inf
        best = self.best()
        self.losses.append((step, value))
        return best is None or value < best[1]

    def best(self) -> tuple[int, float] | None:
        """Return step and loss of the best evaluation, the earliest of equals."""
        return min(self.losses, key=lambda entry: entry[1]) if self.losses else None

    def exhausted(self, patience: int, threshold: float) -> bool:
        """Tell whether the last ``patience`` evaluations all failed to improve by more than ``threshold``.

        Args:
            patience: evaluations to wait; 0 means for ever.
            threshold: improvement in loss (nats per token) that counts.
        """
        if patience <= 0:
            return False
        reference, waited = math.inf, 0
        for _, loss in self.losses:
            if loss < reference - threshold:
                reference, waited = loss, 0
            else:
                waited += 1
        return waited >= patience
