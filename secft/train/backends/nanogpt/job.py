"""What a pretraining run is told, under nanoGPT's names for its settings."""

from __future__ import annotations

import math
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Any

from secft.errors import InputError
from secft.files import digest, read_json, sha256_file, write_json

FORMAT = "secft-pretrain-job/1"
NANOGPT_SEED = 1337
"""The seed that train.py of nanoGPT has fixed; the default here, too."""
DEVICES = ("auto", "cpu", "cuda")
COMPILE = ("auto", "true", "false")
PRECISIONS = ("auto", "fp32", "bf16")
EXPERIMENTS = ("gated_attention", "gated_attention_headwise")
_COUNTS = (
    "n_layer", "n_head", "n_embd", "block_size", "batch_size", "gradient_accumulation_steps", "max_iters",
    "eval_iters", "log_interval",
)  # fmt: skip
_NOT_NEGATIVE = ("eval_interval", "weight_decay", "grad_clip", "warmup_iters", "min_lr", "seed", "threads")


@dataclass(frozen=True)
class PretrainJob:
    """One pretraining run. Defaults are those of nanoGPT's character-level recipe for a CPU.

    Attributes:
        data_dir: directory with ``train.bin``, ``val.bin`` and, at character level, ``meta.pkl``.
        n_layer: blocks.
        n_head: attention heads; divides n_embd.
        n_embd: width.
        block_size: longest context in tokens.
        dropout: of embeddings, attention and residuals.
        bias: biases in linear layers and layer norms.
        vocab_size: tokens; 0 takes it from ``meta.pkl``, and 50304 where there is none, as nanoGPT does.
        learning_rate: peak learning rate.
        min_lr: learning rate at the end of the decay.
        warmup_iters: steps of linear warm-up.
        lr_decay_iters: step at which the cosine ends; 0 means max_iters.
        decay_lr: False keeps the peak for ever.
        max_iters: optimizer steps.
        weight_decay: of matrices; vectors are not decayed.
        beta1: of AdamW.
        beta2: of AdamW.
        grad_clip: largest norm of the gradient; 0 turns clipping off.
        batch_size: contexts in a forward pass.
        gradient_accumulation_steps: forward passes of one optimizer step.
        eval_interval: steps between estimates of the losses, and between checkpoints; 0 is only at the end.
        eval_iters: batches of an estimate.
        log_interval: steps between rows of metrics.jsonl.
        seed: of initial weights, batches and dropout.
        device: auto, cpu or cuda.
        compile: torch.compile: auto (on a GPU), true or false.
        precision: of matrix products; weights are always 32-bit. fp32; bf16; auto takes bf16 where the hardware has
            matrix units for it, and the fastest 32-bit products elsewhere.
        threads: CPU threads; 0 means all cores.
        keep_best: end with the weights of the lowest validation loss instead of the last.
        experiments: names of bespoke blocks; none by default.
        checkout: directory of a nanoGPT checkout whose train.py is to train; "" trains with the embedded trainer.
    """

    data_dir: str
    n_layer: int = 4
    n_head: int = 4
    n_embd: int = 128
    block_size: int = 64
    dropout: float = 0.0
    bias: bool = False
    vocab_size: int = 0
    learning_rate: float = 1e-3
    min_lr: float = 1e-4
    warmup_iters: int = 100
    lr_decay_iters: int = 0
    decay_lr: bool = True
    max_iters: int = 2000
    weight_decay: float = 0.1
    beta1: float = 0.9
    beta2: float = 0.99
    grad_clip: float = 1.0
    batch_size: int = 12
    gradient_accumulation_steps: int = 1
    eval_interval: int = 250
    eval_iters: int = 20
    log_interval: int = 1
    seed: int = NANOGPT_SEED
    device: str = "auto"
    compile: str = "auto"
    precision: str = "auto"
    threads: int = 0
    keep_best: bool = False
    experiments: tuple[str, ...] = ()
    checkout: str = ""

    @property
    def decay_end(self) -> int:
        """Step at which the learning rate has reached its minimum."""
        return self.lr_decay_iters or self.max_iters

    @property
    def tokens_per_step(self) -> int:
        """Tokens that go through the model in one optimizer step."""
        return self.batch_size * self.block_size * self.gradient_accumulation_steps

    def write(self, path: Path) -> None:
        """Write the job as JSON."""
        write_json(path, {"format": FORMAT, **asdict(self)})

    @classmethod
    def read(cls, path: Path) -> PretrainJob:
        """Read a job that ``write`` wrote.

        Raises:
            InputError: the file has unknown keys or another format.
        """
        values: Any = read_json(path)
        if not isinstance(values, dict) or values.pop("format", None) != FORMAT:
            raise InputError(f"{path}: not a job of the format {FORMAT}.")
        unknown = set(values) - {entry.name for entry in fields(cls)}
        if unknown:
            raise InputError(f"{path}: unknown keys {sorted(unknown)}.")
        return cls(**{**values, "experiments": tuple(values.get("experiments", ()))})

    def fingerprint(self) -> str:
        """Identify the job by its settings and the content of its data, wherever they lie."""
        directory = Path(self.data_dir)
        data = {name: sha256_file(directory / name) for name in _data_files(directory)}
        program = {name: sha256_file(Path(self.checkout) / name) for name in _program_files(self.checkout)}
        return digest({**asdict(self), "data_dir": data, "checkout": program, "threads": 0})

    def check(self) -> None:
        """Refuse values that nothing could train with.

        Raises:
            InputError: with every problem found.
        """
        problems = [*self._numbers(), *self._words(), *self._places()]
        if problems:
            raise InputError("the pretraining job cannot run: " + "; ".join(problems))

    def _numbers(self) -> list[str]:
        found = [f"{name}={getattr(self, name)!r} must be above 0" for name in _COUNTS if self._low(name)]
        if not (self.learning_rate > 0 and math.isfinite(self.learning_rate)):
            found.append(f"learning_rate={self.learning_rate!r} must be above 0")
        found += [f"{name}={getattr(self, name)!r} must not be negative" for name in _NOT_NEGATIVE if self._minus(name)]
        found += [f"{name} must be from 0 to below 1" for name in ("beta1", "beta2", "dropout") if self._no_part(name)]
        if not self._low("n_head") and self.n_embd % self.n_head:
            found.append(f"n_embd={self.n_embd} is not a multiple of n_head={self.n_head}")
        if self.decay_lr and self.decay_end <= self.warmup_iters:
            found.append(f"warmup_iters={self.warmup_iters} must be below the end of the decay, {self.decay_end}")
        return found

    def _low(self, name: str) -> bool:
        return bool(getattr(self, name) < 1)

    def _minus(self, name: str) -> bool:
        return not getattr(self, name) >= 0

    def _no_part(self, name: str) -> bool:
        return not 0 <= getattr(self, name) < 1

    def _words(self) -> list[str]:
        found = []
        for name, allowed in (("device", DEVICES), ("compile", COMPILE), ("precision", PRECISIONS)):
            if getattr(self, name) not in allowed:
                found.append(f"{name}={getattr(self, name)!r} is not one of {', '.join(allowed)}")
        found += [
            f"experiments: {name!r} is unknown; available: {', '.join(EXPERIMENTS)}"
            for name in self.experiments
            if name not in EXPERIMENTS
        ]
        if len(set(self.experiments)) > 1:
            found.append("experiments: the two forms of gated attention exclude each other")
        if self.checkout and self.seed != NANOGPT_SEED:
            found.append(f"seed={self.seed!r}: nanoGPT's train.py has a fixed seed, {NANOGPT_SEED}")
        if self.checkout and self.experiments:
            found.append("experiments are blocks of the embedded trainer; a checkout has none of them")
        return found

    def _places(self) -> list[str]:
        directory = Path(self.data_dir)
        missing = [name for name in ("train.bin", "val.bin") if not (directory / name).is_file()]
        found = [f"data_dir: {directory} has no {name}" for name in missing]
        if not found:
            tokens = {name: (directory / name).stat().st_size // 2 for name in ("train.bin", "val.bin")}
            found = [
                f"{name} holds {count} tokens; a block of {self.block_size} needs at least {self.block_size + 1}"
                for name, count in tokens.items()
                if count <= self.block_size
            ]
        return found


def _data_files(directory: Path) -> list[str]:
    names = ("train.bin", "val.bin", "meta.pkl", "tokenizer.json")
    return [name for name in names if (directory / name).is_file()]


def _program_files(checkout: str) -> list[str]:
    if not checkout:
        return []
    names = ("train.py", "model.py", "configurator.py")
    return [name for name in names if (Path(checkout) / name).is_file()]
