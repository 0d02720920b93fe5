"""One training run in plain values: what a runner is told."""

from __future__ import annotations

import math
from dataclasses import asdict, dataclass, field, fields, is_dataclass
from pathlib import Path
from typing import Any, Literal, TypeVar, get_args, get_type_hints

from secft.config.schemas.training import (
    AdaptedTrainer,
    Adapter,
    LoraConfig,
    QuantisedTrainer,
    QuantizationConfig,
    TrainerConfig,
)
from secft.errors import InputError
from secft.files import digest, plain, read_json, sha256_file, write_json
from secft.lookup import pick
from secft.train.distributed.settings import LOCAL_ONLY, DistributedSettings
from secft.train.objective import Method, Objective
from secft.train.objectives import METHODS, adapter_of, method_of, objective_of

Overlong = Literal["drop", "truncate"]
FORMAT = 3
Config = TypeVar("Config", bound=TrainerConfig)


@dataclass(frozen=True)
class TrainJob:
    """One training run.

    Files are JSONL; every row has an ``id`` and the columns of its objective (secft/train/views.py).

    Attributes:
        model_dir: directory of the base model; never written to.
        train_file: training examples.
        trainer: what is learned and how, as the configuration has it.
        seed: of adapters, order and packing.
        validation_file: held-out examples for validation loss, or None.
        overlong: what happens to longer examples: drop (counted) or truncate (counted).
        fast_path: False forces the generic forward of transformers.
        early_stopping_threshold: improvement in loss that counts.
        load_best: end with the weights of the best validation loss instead of the last.
        log_steps: optimizer steps between rows of metrics.jsonl.
        threads: CPU threads; 0 means all cores.
        offline: forbid to use the Hugging Face hub.
        start_adapter: directory of the adapter to go on with; "" begins with a new one.
        base_model_name: what the adapter names as its base, for example a hub id; "" leaves model_dir there.
        distributed: on how many processes, and how they are started.
        adjusted_from: fingerprint of the job of which this is a changed attempt (lower learning rate, smaller micro
            batch), so that its checkpoints and its result count as that job's; "" for a job as it was given.
    """

    model_dir: str
    train_file: str
    trainer: TrainerConfig
    seed: int
    validation_file: str | None = None
    overlong: Overlong = "drop"
    fast_path: bool = True
    early_stopping_threshold: float = 0.0
    load_best: bool = False
    log_steps: int = 1
    threads: int = 0
    offline: bool = True
    start_adapter: str = ""
    base_model_name: str = ""
    distributed: DistributedSettings = field(default_factory=DistributedSettings)
    adjusted_from: str = ""

    def write(self, path: Path) -> None:
        """Write the job as JSON."""
        write_json(path, {"format": FORMAT, **plain(self)})

    @classmethod
    def read(cls, path: Path) -> TrainJob:
        """Read a job that ``write`` wrote.

        Raises:
            InputError: the file has unknown keys or another format.
        """
        values: dict[str, Any] = read_json(path)
        if values.pop("format", None) != FORMAT:
            raise InputError(f"{path}: written by another version of secft")
        unknown = set(values) - {entry.name for entry in fields(cls)}
        if unknown:
            raise InputError(f"{path}: unknown keys {sorted(unknown)}")
        method = pick(METHODS, values["trainer"]["name"], "trainer.name")
        values["trainer"] = _rebuilt(method.config, values["trainer"])
        values["distributed"] = DistributedSettings(**values["distributed"])
        return cls(**values)

    @property
    def method(self) -> Method:
        """The record of the way of training."""
        return method_of(self.trainer)

    @property
    def objective(self) -> Objective:
        """What is learned."""
        return objective_of(self.trainer)

    @property
    def adapter(self) -> Adapter:
        """Which weights are trained."""
        return adapter_of(self.trainer)

    @property
    def lora(self) -> LoraConfig:
        """Settings of the adapter; where there is none, the defaults."""
        return self.trainer.lora if isinstance(self.trainer, AdaptedTrainer) else LoraConfig()

    @property
    def quantization(self) -> QuantizationConfig:
        """How the base of qlora is stored."""
        return self.trainer.quantization if isinstance(self.trainer, QuantisedTrainer) else QuantizationConfig()

    def settings(self, kind: type[Config]) -> Config:
        """Return the settings of one way of training, or of several that share them.

        Raises:
            InputError: the job is trained in another way.
        """
        if not isinstance(self.trainer, kind):
            raise InputError(f"trainer={self.trainer.name} has no settings of {kind.__name__}")
        return self.trainer

    def total_steps(self, rows: int) -> int:
        """Return the optimizer steps of a whole run over a number of rows."""
        trainer = self.trainer
        if trainer.max_steps:
            return trainer.max_steps
        batches = math.ceil(math.ceil(rows / trainer.micro_batch_size) / self.distributed.world)
        return math.ceil(trainer.epochs * max(math.ceil(batches / trainer.gradient_accumulation), 1))

    def warmup_steps(self, rows: int) -> int:
        """Return the optimizer steps of a whole run over a number of rows that are spent warming up."""
        return round(self.trainer.warmup_ratio * self.total_steps(rows))

    def fingerprint(self) -> str:
        """Identify the job by its settings and the content of its inputs, wherever they lie.

        Base weights count by file name and size: hashing many gigabytes at every start would cost more than it
        tells.
        """
        if self.adjusted_from:
            return self.adjusted_from
        values = asdict(self)
        for key in ("train_file", "validation_file"):
            path = values[key]
            values[key] = None if path is None else sha256_file(Path(path))
        values["trainer"] = {
            entry.name: values["trainer"][entry.name]
            for entry in fields(self.trainer)
            if not entry.metadata.get("internal")
        }
        values["distributed"] = {k: v for k, v in values["distributed"].items() if k not in LOCAL_ONLY}
        weights = sorted(Path(self.model_dir).glob("*.safetensors"))
        values["model_dir"] = [[path.name, path.stat().st_size] for path in weights]
        values.pop("start_adapter")
        if self.start_adapter:
            begun = sorted(path for path in Path(self.start_adapter).glob("adapter*") if path.is_file())
            values["start_adapter"] = [[path.name, sha256_file(path)] for path in begun]
        return digest(values)

    def check(self) -> None:
        """Refuse values that nothing could train with.

        Raises:
            InputError: with every problem found.
            ConfigError: there is no such way of training.
        """
        problems = [
            f"{entry.name}={getattr(self.trainer, entry.name)!r} is not one of {', '.join(entry.metadata['choices'])}"
            for entry in fields(self.trainer)
            if entry.metadata.get("choices") and getattr(self.trainer, entry.name) not in entry.metadata["choices"]
        ]
        if self.overlong not in get_args(Overlong):
            problems.append(f"overlong={self.overlong!r} is not one of {', '.join(get_args(Overlong))}")
        numbers = {"log_steps": self.log_steps}
        names = ("learning_rate", "epochs", "micro_batch_size", "gradient_accumulation", "max_length")
        numbers |= {name: getattr(self.trainer, name) for name in names}
        for name, value in numbers.items():
            if not (value > 0 and math.isfinite(value)):
                problems.append(f"{name}={value!r} must be above 0")
        if self.trainer.early_stopping_patience > 0 and self.validation_file is None:
            problems.append("early_stopping_patience needs a validation_file")
        if self.load_best and self.validation_file is None:
            problems.append("load_best needs a validation_file")
        for key in ("train_file", "validation_file", "model_dir"):
            path = getattr(self, key)
            if path is not None and not Path(path).exists():
                problems.append(f"{key}: {path} does not exist")
        if problems:
            raise InputError("the training job cannot run: " + "; ".join(problems))


def _rebuilt(kind: type[Config], values: dict[str, Any]) -> Config:
    """Return a configuration of plain values, its parts too."""
    hints = get_type_hints(kind)
    parts = {name: _rebuilt(hints[name], value) for name, value in values.items() if is_dataclass(hints.get(name))}
    try:
        return kind(**{**values, **parts})
    except TypeError as error:
        raise InputError(f"no settings of {kind.__name__}: {error}") from error
