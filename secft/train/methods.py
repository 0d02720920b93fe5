"""The table of training methods and backends: which pairs there are, and by what in a backend each is done.

Read off the sources of the versions that secft locks: trl 1.16, axolotl 0.19.0 (trl 1.9), LLaMA-Factory 0.9.5
(trl 0.24), Unsloth 2026.10.9 (trl 1.15). ``pretrain`` starts from random weights, ``continue`` goes on from a base
model on plain text.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from secft.config.training import BACKENDS as BACKENDS
from secft.config.training import METHODS as METHODS


@dataclass(frozen=True)
class Cell:
    """One pair of method and backend.

    Attributes:
        supported: whether the backend does it.
        note: by what, or why not.
        gpu_only: it needs a CUDA device.
    """

    supported: bool
    note: str
    gpu_only: bool = False

    def __str__(self) -> str:
        return f"{'yes' if self.supported else 'no'}: {self.note}{' (GPU only)' if self.gpu_only else ''}"


def _yes(note: str) -> Cell:
    return Cell(True, note)


def _gpu(note: str) -> Cell:
    return Cell(True, note, gpu_only=True)


def _no(note: str) -> Cell:
    return Cell(False, note)


_NANOGPT = _no("trains from random weights only")

TABLE: dict[str, dict[str, Cell]] = {
    "full": {
        "trl": _yes("SFTTrainer"),
        "axolotl": _yes("no adapter"),
        "llama_factory": _yes("stage: sft, finetuning_type: full"),
        "unsloth": _yes("full_finetuning"),
        "nanogpt": _NANOGPT,
    },
    "lora": {
        "trl": _yes("SFTTrainer, peft"),
        "axolotl": _yes("adapter: lora"),
        "llama_factory": _yes("stage: sft, finetuning_type: lora"),
        "unsloth": _yes("get_peft_model"),
        "nanogpt": _NANOGPT,
    },
    "qlora": {
        "trl": _yes("bitsandbytes NF4"),
        "axolotl": _yes("adapter: qlora"),
        "llama_factory": _yes("quantization_bit: 4"),
        "unsloth": _yes("load_in_4bit"),
        "nanogpt": _NANOGPT,
    },
    "dora": {
        "trl": _yes("SFTTrainer, peft use_dora"),
        "axolotl": _yes("peft_use_dora"),
        "llama_factory": _yes("use_dora"),
        "unsloth": _yes("get_peft_model, use_dora"),
        "nanogpt": _NANOGPT,
    },
    "dpo": {
        "trl": _yes("DPOTrainer"),
        "axolotl": _yes("rl: dpo"),
        "llama_factory": _yes("stage: dpo"),
        "unsloth": _gpu("DPOTrainer"),
        "nanogpt": _NANOGPT,
    },
    "orpo": {
        "trl": _yes("trl.experimental.orpo"),
        "axolotl": _yes("rl: orpo"),
        "llama_factory": _yes("stage: dpo, pref_loss: orpo"),
        "unsloth": _gpu("trl.experimental.orpo"),
        "nanogpt": _NANOGPT,
    },
    "kto": {
        "trl": _yes("KTOTrainer"),
        "axolotl": _yes("rl: kto"),
        "llama_factory": _yes("stage: kto"),
        "unsloth": _gpu("KTOTrainer"),
        "nanogpt": _NANOGPT,
    },
    "simpo": {
        "trl": _yes("trl.experimental.cpo, loss_type: simpo"),
        "axolotl": _yes("rl: simpo"),
        "llama_factory": _yes("stage: dpo, pref_loss: simpo"),
        "unsloth": _gpu("trl.experimental.cpo, loss_type: simpo"),
        "nanogpt": _NANOGPT,
    },
    "grpo": {
        "trl": _yes("GRPOTrainer"),
        "axolotl": _no("rl: grpo takes rewards as code from the configuration"),
        "llama_factory": _no("has no such stage"),
        "unsloth": _gpu("GRPOTrainer"),
        "nanogpt": _NANOGPT,
    },
    "ppo": {
        "trl": _no("trl 1.16 has no PPO any more"),
        "axolotl": _yes("trl.experimental.ppo of its trl 1.9, not Axolotl itself"),
        "llama_factory": _no("stage: ppo needs trl<=0.9.6, all else in it trl>=0.18"),
        "unsloth": _no("trl 1.15 has no PPO any more"),
        "nanogpt": _NANOGPT,
    },
    "reward": {
        "trl": _yes("RewardTrainer"),
        "axolotl": _yes("reward_model: true"),
        "llama_factory": _yes("stage: rm"),
        "unsloth": _gpu("RewardTrainer, num_labels: 1"),
        "nanogpt": _NANOGPT,
    },
    "pretrain": {
        "trl": _no("has no start from random weights"),
        "axolotl": _no("starts from the weights of a base model here"),
        "llama_factory": _no("starts from the weights of a base model here"),
        "unsloth": _no("loads pretrained weights only"),
        "nanogpt": _yes("its own architecture and data format"),
    },
    "continue": {
        "trl": _yes("SFTTrainer on plain text"),
        "axolotl": _yes("type: completion"),
        "llama_factory": _yes("stage: sft, every token learned"),
        "unsloth": _yes("SFTTrainer on plain text"),
        "nanogpt": _NANOGPT,
    },
}
"""method -> backend -> cell."""


def supported(method: str, backend: str) -> bool:
    """Return whether a backend does a method; unknown names are not supported."""
    return method in TABLE and backend in TABLE[method] and TABLE[method][backend].supported


def backends_of(method: str) -> list[str]:
    """Return the backends that do a method, in the order of the table."""
    return [backend for backend in BACKENDS if supported(method, backend)]


def methods_of(backend: str) -> list[str]:
    """Return the methods that a backend does, in the order of the table."""
    return [method for method in METHODS if supported(method, backend)]


def refusal(method: str, backend: str, *, cuda: bool = True) -> str:
    """Return why a pair cannot be had and which pairs exist instead; empty if it can be had.

    Args:
        method: one of METHODS.
        backend: one of BACKENDS.
        cuda: whether there is a CUDA device.
    """
    if method not in METHODS:
        return f"{method!r} is no training method. There are: {', '.join(METHODS)}"
    if backend not in BACKENDS:
        return f"{backend!r} is no backend. There are: {', '.join(BACKENDS)}"
    cell = TABLE[method][backend]
    if cell.supported and (cuda or not cell.gpu_only):
        return ""
    if cell.supported:
        told = f"backend={backend} does {method} on a CUDA device only ({cell.note}), and there is none"
    else:
        told = f"backend={backend} does not do {method} ({cell.note})"
    return f"{told}. {_instead(method, backend, cuda=cuda)}"


def _instead(method: str, backend: str, *, cuda: bool) -> str:
    def usable(other_method: str, other_backend: str) -> bool:
        cell = TABLE[other_method][other_backend]
        return cell.supported and (cuda or not cell.gpu_only)

    others = [other for other in BACKENDS if usable(method, other)]
    own = [other for other in METHODS if usable(other, backend)]
    with_method = f"{method} is done by: {', '.join(others)}" if others else f"{method} is done by no backend here"
    return f"{with_method}; backend={backend} does: {', '.join(own) or 'nothing here'}"


def as_rows() -> list[list[str]]:
    """Return the table for printing: a row per method, ``yes``, ``GPU`` or ``-`` for each backend."""
    return [[method, *(_mark(TABLE[method][backend]) for backend in BACKENDS)] for method in METHODS]


def _mark(cell: Cell) -> str:
    return ("GPU" if cell.gpu_only else "yes") if cell.supported else "-"


def notes() -> Iterator[tuple[str, str, Cell]]:
    """Yield method, backend and cell of every pair, in the order of the table."""
    for method in METHODS:
        for backend in BACKENDS:
            yield method, backend, TABLE[method][backend]
