"""What a backend is: one record, from which every table of backends is made."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from secft.config.schemas.training import BackendConfig

SHARED_SETTINGS = {
    "learning_rate": "learning_rate",
    "weight_decay": "weight_decay",
    "warmup_ratio": "warmup_ratio",
    "max_grad_norm": "max_grad_norm",
    "max_steps": "max_steps",
    "eval_steps": "eval_steps",
    "save_steps": "save_steps",
    "save_total_limit": "save_total_limit",
    "gradient_accumulation_steps": "gradient_accumulation",
    "gradient_checkpointing": "gradient_checkpointing",
    "lora_alpha": "lora.alpha",
    "lora_dropout": "lora.dropout",
}
"""Names of transformers and peft -> settings of ``trainer``."""
TORCHRUN = ("torchrun", "accelerate")


@dataclass(frozen=True)
class BackendRecord:
    """One backend.

    Attributes:
        name: value of ``backend=``.
        config: schema of its settings.
        implementation: module:class that renders, names the command and collects.
        program: command line that trains, for people; <environment> and <training> stand for directories.
        otherwise: why it does not do a method that says nothing about it.
        environment_bytes: measured size of its own environment with the CPU build of torch; 0 where it has none and
            trains in the environment of secft.
        cpu_variables: variables of its programs on a machine without a CUDA device.
        owned: its settings that secft itself must say: where things are and what is learned.
        same_settings: its own name of a setting -> setting of ``trainer`` that says the same.
        discouraged: its own setting -> why it may not be used, and what to do.
        launchers: what can start it on several processes; none where it trains in one.
        kernels: it has fused kernels of Liger that ``trainer.kernels`` turns on.
        biases: it can train biases beside an adapter.
        cpu_bf16: it computes in bf16 on processors that do.
    """

    name: str
    config: type[BackendConfig]
    implementation: str
    program: tuple[str, ...]
    otherwise: str
    environment_bytes: int = 0
    cpu_variables: Mapping[str, str] = field(default_factory=dict)
    owned: frozenset[str] = frozenset()
    same_settings: Mapping[str, str] = field(default_factory=dict)
    discouraged: Mapping[str, tuple[str, str]] = field(default_factory=dict)
    launchers: tuple[str, ...] = ()
    kernels: bool = False
    biases: bool = False
    cpu_bf16: bool = True

    @property
    def separate(self) -> bool:
        """Whether it lives in an environment of its own."""
        return self.environment_bytes > 0


def in_environment(script: str) -> tuple[str, ...]:
    """Return the command line of a script that runs in the environment of a backend."""
    return ("<environment>/bin/python", f"secft/train/runners/{script}", "<training>")
