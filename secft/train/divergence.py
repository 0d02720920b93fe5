"""Telling a loss that has left all bounds from one that is only noisy.

Out of bounds is a loss that is not finite, or several recorded losses in a row that are each above a multiple of the
running median before them and above everything that the median is taken of. Neither is moved by a spike while it lasts;
a spike that passes was noise, and is taken in then, so that batches that are hard now and then raise what counts as
usual. A rise of less than half a nat per token is never divergence, so that small losses may be noisy.
"""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from statistics import median
from typing import Any

from secft.config.schemas.training import RecoveryConfig
from secft.files import read_json, write_json

WINDOW = 20
"""Recorded losses of which the median is taken."""
FEWEST = 5
"""Recorded losses before which nothing is known about how high a loss may be."""
SMALLEST_RISE = 0.5
"""Nats per token."""
DIVERGED = "diverged.json"
ROLLBACK_EXIT = 76
"""What a runner's process ends with when it leaves ``diverged.json`` and wants to be started again."""


class RollbackWanted(Exception):
    """A runner has left ``diverged.json`` and is to be started again from an earlier checkpoint."""


@dataclass(frozen=True)
class Divergence:
    """Where a run left all bounds.

    Attributes:
        onset: the optimizer step whose update led there, one before the first loss that was out of bounds: only
            checkpoints before it are good.
        step: optimizer step at which that was certain.
        reason: one line for people.
    """

    onset: int
    step: int
    reason: str

    def write(self, directory: Path) -> None:
        """Leave it for the process that started the runner."""
        write_json(directory / DIVERGED, asdict(self))

    @classmethod
    def read(cls, directory: Path) -> Divergence | None:
        """Return what a runner left, or None."""
        path = directory / DIVERGED
        return cls(**read_json(path)) if path.is_file() else None


def not_finite(step: int) -> Divergence:
    """Return what to say about an optimizer step whose loss or gradient was not finite."""
    return Divergence(step - 1, step, f"the loss or a gradient at step {step} is not finite")


class LossWatch:
    """Sees every recorded loss in order and says when they have left all bounds."""

    def __init__(self, settings: RecoveryConfig, rows: Iterable[Mapping[str, Any]] = ()) -> None:
        """Begin, or go on after the rows of metrics.jsonl that an earlier attempt wrote."""
        self.settings = settings
        self._window: deque[float] = deque(maxlen=WINDOW)
        self._onset = 0
        self._spike: list[float] = []
        for row in rows:
            if row.get("loss") is not None:
                self.see(row["step"], row["loss"])

    def see(self, step: int, loss: float) -> Divergence | None:
        """Take the next loss.

        Args:
            step: the optimizer step it belongs to.
            loss: nats per token; may be infinite or not a number.

        Returns:
            What to say when the run has diverged, else None.
        """
        if not math.isfinite(loss):
            return not_finite(step)
        bound = self._bound()
        if bound is None or loss <= bound:
            self._window.extend([*self._spike, loss])
            self._spike.clear()
            return None
        if not self._spike:
            self._onset = step - 1
        self._spike.append(loss)
        if len(self._spike) < self.settings.patience:
            return None
        usual = median(self._window)
        message = (
            f"the loss {loss:.3g} at step {step} is above {self.settings.spike:g} times its running median {usual:.3g}"
        )
        return Divergence(self._onset, step, f"{message}, {len(self._spike)} times in a row")

    def _bound(self) -> float | None:
        if self.settings.spike <= 0 or len(self._window) < FEWEST:
            return None
        usual = median(self._window)
        return max(self.settings.spike * usual, usual + SMALLEST_RISE, *self._window)
