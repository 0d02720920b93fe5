"""What came out of a training: what its process leaves, and what the stage hands to later ones."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import MISSING, asdict, dataclass, field, fields
from pathlib import Path
from typing import Any, Self

from secft.errors import InputError


@dataclass(frozen=True)
class TrainResult:
    """What came out of a training run.

    Attributes:
        adapter_dir: PEFT adapter directory (adapter none: a whole model directory).
        status: completed, early_stopped, or diverged (loss or weights were no longer finite; the last finite
            weights are kept).
        steps: optimizer steps done.
        epochs: passes over the training data.
        examples: training examples used.
        dropped: examples left out because they exceed max_length.
        truncated: examples cut to max_length.
        tokens: real tokens that went through the model in training.
        supervised_tokens: tokens that carried loss.
        seconds: wall clock of the training loop, validation and checkpoints included, over all attempts.
        train_loss: mean loss of the last tenth of the steps.
        best_validation_loss: lowest validation loss, or None.
        final_validation_loss: validation loss of the weights in adapter_dir, or None.
        tokens_per_second: tokens per second spent in training steps.
        peak_memory_gib: peak resident memory of the engine's process (CUDA: of the device).
        precision: bf16 or fp32.
        engine: which forward ran, for example ``fast+native``, ``fast`` or ``generic``.
        trainable_parameters: number of weights that were trained.
        versions: versions of the engine's libraries.
        recoveries: what was changed on the way after a rollback or a lack of memory, in order.
    """

    adapter_dir: Path
    status: str
    steps: int
    epochs: float
    examples: int
    dropped: int
    truncated: int
    tokens: int
    supervised_tokens: int
    seconds: float
    train_loss: float
    best_validation_loss: float | None
    final_validation_loss: float | None
    tokens_per_second: float
    peak_memory_gib: float
    precision: str
    engine: str
    trainable_parameters: int
    versions: dict[str, str]
    recoveries: list[dict[str, Any]] = field(default_factory=list)

    def as_dict(self) -> dict[str, Any]:
        """Return plain values for manifests and cards; a loss that is not finite is None."""
        loss = self.train_loss if math.isfinite(self.train_loss) else None
        return {**asdict(self), "adapter_dir": self.adapter_dir.as_posix(), "train_loss": loss}

    @classmethod
    def from_dict(cls, values: Mapping[str, Any], directory: Path = Path()) -> Self:
        """Build from plain values, as ``as_dict`` or a result.json has them; what else they hold is left out.

        Args:
            values: by the names of the attributes.
            directory: what ``adapter_dir`` is relative to.

        Raises:
            InputError: something is missing.
        """
        known = {entry.name: values[entry.name] for entry in fields(cls) if entry.name in values}
        needed = [entry.name for entry in fields(cls) if entry.default is MISSING and entry.default_factory is MISSING]
        missing = [name for name in needed if name not in known]
        if missing:
            raise InputError(f"a result of a training in {directory} lacks {', '.join(missing)}")
        if known["train_loss"] is None:
            known["train_loss"] = float("nan")
        return cls(**{**known, "adapter_dir": directory / known["adapter_dir"]})


@dataclass(frozen=True)
class TrainingRecord(TrainResult):
    """The result of a training with what a reader of it must know.

    Attributes:
        adapter: which weights were trained: lora, qlora, dora, or all (none).
        learned_from: what carried the loss, one sentence.
        scores_answers: the candidate gives a number to an answer instead of writing one.
        rewards: where answers were rewarded, the means of the first and of the last quarter of the steps.
        warnings: what somebody should know.
        headline: one line for people.
    """

    adapter: str = "none"
    learned_from: str = ""
    scores_answers: bool = False
    rewards: Sequence[float] | None = None
    warnings: list[str] = field(default_factory=list)
    headline: str = ""

    @property
    def is_adapter(self) -> bool:
        """Whether the candidate is an adapter beside its base, not a whole model."""
        return self.adapter != "none"

    @property
    def progress(self) -> Mapping[str, float | None]:
        """What training came to, at its beginning, at its end, and at best on held-out rows.

        Returns:
            ``loss`` and ``held_out_loss``; where answers were rewarded, ``first_reward`` and ``reward`` (means of the
            first and of the last quarter of the steps) and ``held_out_reward`` instead. Each may be None.
        """
        best = self.best_validation_loss
        if not self.rewards:
            return {"loss": self.train_loss, "held_out_loss": best}
        means = {"first_reward": self.rewards[0], "reward": self.rewards[1]}
        return {**means, "held_out_reward": None if best is None else 0.0 - best}
