"""What a training run is told, and what it reports, in plain values."""

from __future__ import annotations

import math
from dataclasses import asdict, dataclass, field, fields
from pathlib import Path
from typing import Any, Literal, get_args

from secft.errors import InputError
from secft.files import digest, read_json, sha256_file, write_json
from secft.train.distributed.settings import LOCAL_ONLY, DistributedSettings

Objective = Literal["sft", "dpo", "orpo", "kto", "simpo", "grpo", "ppo", "reward", "pretrain", "continue"]
Adapter = Literal["none", "lora", "qlora", "dora"]
Precision = Literal["auto", "bf16", "fp32"]
Compile = Literal["auto", "true", "false"]
FusedKernels = Literal["auto", "liger", "none"]
Overlong = Literal["drop", "truncate"]
Scheduler = Literal["constant", "constant_with_warmup", "linear", "cosine", "polynomial", "inverse_sqrt"]
CHOICES: tuple[tuple[str, Any], ...] = (
    ("objective", Objective),
    ("adapter", Adapter),
    ("precision", Precision),
    ("compile", Compile),
    ("kernels", FusedKernels),
    ("overlong", Overlong),
    ("scheduler", Scheduler),
)
FORMAT = 2


@dataclass(frozen=True)
class LoraSettings:
    """Low-rank adapters (Hu et al. 2021).

    Attributes:
        r: rank.
        alpha: scale numerator; the update is multiplied by alpha / r.
        dropout: dropout on the adapter's input; anything above 0 uses the generic, slower path.
        target_modules: ``all-linear`` or a comma-separated list of module names.
        bias: ``none``, ``all`` or ``lora_only``.
        rslora: scale by alpha / sqrt(r) instead.
    """

    r: int = 16
    alpha: int = 32
    dropout: float = 0.0
    target_modules: str = "all-linear"
    bias: str = "none"
    rslora: bool = False


@dataclass(frozen=True)
class QuantizationSettings:
    """How frozen base weights are stored (Dettmers et al. 2023).

    Attributes:
        bits: 4 or 8.
        type: nf4 or fp4.
        double: quantise the scales too.
    """

    bits: int = 4
    type: str = "nf4"
    double: bool = True


@dataclass(frozen=True)
class PreferenceSettings:
    """What objectives over better and worse answers are told.

    Attributes:
        beta: dpo, kto: how much the model may leave its reference; orpo: weight of the preference; simpo: scale.
        gamma: simpo: margin of the reward.
        label_smoothing: dpo: part of the pairs that may be the wrong way round.
        desirable_weight: kto: weight of good answers.
        undesirable_weight: kto: weight of bad answers.
    """

    beta: float = 0.1
    gamma: float = 1.0
    label_smoothing: float = 0.0
    desirable_weight: float = 1.0
    undesirable_weight: float = 1.0


@dataclass(frozen=True)
class SamplingSettings:
    """What objectives over a model's own answers are told.

    Attributes:
        generations: answers to one question.
        max_new_tokens: tokens of an answer.
        temperature: of sampling.
        kl: weight of the distance to the reference.
    """

    generations: int = 4
    max_new_tokens: int = 48
    temperature: float = 0.9
    kl: float = 0.04


@dataclass(frozen=True)
class RecoverySettings:
    """What is done about a loss that leaves all bounds.

    Attributes:
        rollbacks: returns to the last good checkpoint before the run ends as diverged.
        factor: what the learning rate is multiplied by at each return.
        spike: a loss above so many times its running median is out of bounds; 0 looks only for values that are not
            finite.
        patience: recorded losses in a row that must be out of bounds.
    """

    rollbacks: int = 0
    factor: float = 0.5
    spike: float = 0.0
    patience: int = 3


@dataclass(frozen=True)
class TrainJob:
    """One training run.

    Files are JSONL; every row has an ``id`` and, by objective: sft ``messages``; dpo, orpo, simpo and reward
    ``prompt``, ``chosen`` and ``rejected`` (lists of messages); kto ``prompt``, ``completion`` and ``label`` (true for
    good); grpo and ppo ``prompt``, ``answer`` and ``choices``; continue and pretrain ``text``.

    Attributes:
        model_dir: directory of the base model; never written to.
        train_file: training examples.
        validation_file: held-out examples for validation loss, or None.
        objective: what is learned.
        adapter: which weights are trained: lora, qlora (quantised base), dora, or all (none).
        lora: settings of the adapter.
        quantization: how the base of qlora is stored.
        preference: of objectives over better and worse answers.
        sampling: of objectives over a model's own answers.
        learning_rate: peak learning rate.
        scheduler: name of a transformers scheduler.
        warmup_ratio: share of all steps spent warming up.
        weight_decay: of AdamW.
        max_grad_norm: gradient clipping; 0 turns it off.
        epochs: passes over the data; may be fractional.
        max_steps: optimizer steps; above 0 it overrides epochs.
        micro_batch: rows per forward pass. With packing a row holds up to max_length tokens.
        gradient_accumulation: forward passes per optimizer step.
        max_length: longest example in tokens, and the capacity of a packed row.
        overlong: what happens to longer examples: drop (counted) or truncate (counted).
        packing: put several examples into a row.
        precision: bf16, fp32 or auto (bf16 where the processor computes in it).
        compile: native kernels for the fast path: auto, true (fail without), false.
        fast_path: False forces the generic forward of transformers.
        gradient_checkpointing: recompute activations (generic path only).
        attention: implementation of attention by transformers' names, for backend trl; auto is the library's choice.
        kernels: fused kernels for norms, rotary positions and gated layers on a CUDA device: liger (they are required),
            auto (where they are installed) or none.
        seed: of adapters, order and packing.
        eval_steps: optimizer steps between validation passes; 0 means once per epoch.
        save_steps: optimizer steps between checkpoints; 0 means once per epoch.
        save_total_limit: checkpoints kept.
        early_stopping_patience: validation passes without improvement before stopping; 0 never stops.
        early_stopping_threshold: improvement in loss that counts.
        load_best: end with the weights of the best validation loss instead of the last.
        log_steps: optimizer steps between rows of metrics.jsonl.
        threads: CPU threads; 0 means all cores.
        offline: forbid the engine to use the Hugging Face hub.
        base_model_name: what the adapter names as its base, for example a hub id; "" leaves model_dir there.
        distributed: on how many processes, and how they are started.
        recovery: what is done about a loss that leaves all bounds.
        adjusted_from: fingerprint of the job of which this is a changed attempt (lower learning rate, smaller micro
            batch), so that its checkpoints and its result count as that job's; "" for a job as it was given.
    """

    model_dir: str
    train_file: str
    validation_file: str | None = None
    objective: Objective = "sft"
    adapter: Adapter = "lora"
    lora: LoraSettings = field(default_factory=LoraSettings)
    quantization: QuantizationSettings = field(default_factory=QuantizationSettings)
    preference: PreferenceSettings = field(default_factory=PreferenceSettings)
    sampling: SamplingSettings = field(default_factory=SamplingSettings)
    learning_rate: float = 2e-4
    scheduler: Scheduler = "cosine"
    warmup_ratio: float = 0.03
    weight_decay: float = 0.0
    max_grad_norm: float = 1.0
    epochs: float = 1.0
    max_steps: int = -1
    micro_batch: int = 4
    gradient_accumulation: int = 1
    max_length: int = 512
    overlong: Overlong = "drop"
    packing: bool = True
    precision: Precision = "auto"
    compile: Compile = "auto"
    fast_path: bool = True
    gradient_checkpointing: bool = False
    attention: str = "auto"
    kernels: FusedKernels = "auto"
    seed: int = 0
    eval_steps: int = 0
    save_steps: int = 0
    save_total_limit: int = 2
    early_stopping_patience: int = 0
    early_stopping_threshold: float = 0.0
    load_best: bool = False
    log_steps: int = 1
    threads: int = 0
    offline: bool = True
    base_model_name: str = ""
    distributed: DistributedSettings = field(default_factory=DistributedSettings)
    recovery: RecoverySettings = field(default_factory=RecoverySettings)
    adjusted_from: str = ""

    def write(self, path: Path) -> None:
        """Write the job as JSON."""
        write_json(path, {"format": FORMAT, **asdict(self)})

    @classmethod
    def read(cls, path: Path) -> TrainJob:
        """Read a job that ``write`` wrote.

        Raises:
            InputError: if the file has unknown keys or another format.
        """
        values: dict[str, Any] = read_json(path)
        if values.pop("format", None) != FORMAT:
            raise InputError(f"{path}: written by another version of secft")
        unknown = set(values) - {entry.name for entry in fields(cls)}
        if unknown:
            raise InputError(f"{path}: unknown keys {sorted(unknown)}")
        for name, kind in PARTS.items():
            values[name] = kind(**values[name])
        return cls(**values)

    @property
    def method(self) -> str:
        """The name of the trainer, as in the table of methods and backends."""
        if self.objective != "sft":
            return self.objective
        return "full" if self.adapter == "none" else self.adapter

    def total_steps(self, rows: int) -> int:
        """Return the optimizer steps of a whole run over a number of rows."""
        if self.max_steps > 0:
            return self.max_steps
        batches = math.ceil(math.ceil(rows / self.micro_batch) / self.distributed.world)
        return math.ceil(self.epochs * max(math.ceil(batches / self.gradient_accumulation), 1))

    def warmup_steps(self, rows: int) -> int:
        """Return the optimizer steps of a whole run over a number of rows that are spent warming up."""
        return round(self.warmup_ratio * self.total_steps(rows))

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
        values["distributed"] = {k: v for k, v in values["distributed"].items() if k not in LOCAL_ONLY}
        weights = sorted(Path(self.model_dir).glob("*.safetensors"))
        values["model_dir"] = [[path.name, path.stat().st_size] for path in weights]
        return digest(values)

    def check(self) -> None:
        """Refuse values that no engine could train with.

        Raises:
            InputError: with every problem found.
        """
        problems = [f"{key}={value!r} is not one of {', '.join(allowed)}" for key, value, allowed in self._choices()]
        positive = ("learning_rate", "epochs", "micro_batch", "gradient_accumulation", "max_length", "log_steps")
        for name in positive:
            value = getattr(self, name)
            if not (value > 0 and math.isfinite(value)):
                problems.append(f"{name}={value!r} must be above 0")
        if self.early_stopping_patience > 0 and self.validation_file is None:
            problems.append("early_stopping_patience needs a validation_file")
        if self.load_best and self.validation_file is None:
            problems.append("load_best needs a validation_file")
        for key in ("train_file", "validation_file", "model_dir"):
            path = getattr(self, key)
            if path is not None and not Path(path).exists():
                problems.append(f"{key}: {path} does not exist")
        if problems:
            raise InputError("the training job cannot run: " + "; ".join(problems))

    def _choices(self) -> list[tuple[str, str, tuple[str, ...]]]:
        return [
            (key, getattr(self, key), get_args(kind))
            for key, kind in CHOICES
            if getattr(self, key) not in get_args(kind)
        ]


PARTS: dict[str, Any] = {
    "lora": LoraSettings,
    "quantization": QuantizationSettings,
    "preference": PreferenceSettings,
    "sampling": SamplingSettings,
    "recovery": RecoverySettings,
    "distributed": DistributedSettings,
}
"""Settings of a job that are records of their own."""


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
