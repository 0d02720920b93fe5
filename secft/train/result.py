"""What came out of a training."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import MISSING, asdict, dataclass, field, fields
from pathlib import Path
from typing import Any

from secft.errors import TrainingError
from secft.files import read_json

RESULT = "result.json"


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
        """Return plain values for manifests and cards."""
        return {**asdict(self), "adapter_dir": str(self.adapter_dir)}

    @classmethod
    def from_dict(cls, values: Mapping[str, Any], directory: Path = Path()) -> TrainResult:
        """Build from plain values, as ``as_dict`` or a result.json has them; what else they hold is left out.

        Args:
            values: by the names of the attributes.
            directory: what ``adapter_dir`` is relative to.

        Raises:
            TrainingError: something is missing.
        """
        known = {entry.name: values[entry.name] for entry in fields(cls) if entry.name in values}
        missing = [entry.name for entry in fields(cls) if entry.name not in known and entry.default_factory is MISSING]
        if missing:
            raise TrainingError(f"a result of a training in {directory} lacks {', '.join(missing)}")
        if known["train_loss"] is None:
            known["train_loss"] = float("nan")
        return cls(**{**known, "adapter_dir": directory / known["adapter_dir"]})


def read_result(directory: Path) -> TrainResult:
    """Read what a training left in its directory.

    Raises:
        TrainingError: there is no complete result.
    """
    path = directory / RESULT
    if not path.is_file():
        raise TrainingError(f"the training ended without a result in {directory}")
    values = read_json(path)
    if not (directory / values["adapter_dir"]).is_dir():
        raise TrainingError(f"{path} names a model that is not there: {values['adapter_dir']}")
    return TrainResult.from_dict(values, directory)
