"""Settings of training that contradict each other, the backend or the hardware."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from importlib.util import find_spec
from typing import Any

from secft.config.run import RunConfig
from secft.config.training import LoraTrainer, SampledTrainer, TrainerConfig, objective_of
from secft.errors import Problem
from secft.train.backends.keys import extra_problems
from secft.train.checks.machine import Machine
from secft.train.checks.rows import PAIR_OBJECTIVES
from secft.train.methods import refusal

UNPACKED = (*PAIR_OBJECTIVES, "grpo", "ppo")
"""Objectives whose rows are compared or sampled one by one."""

Value = Callable[[TrainerConfig], Any]


def _lora(name: str) -> Value:
    return lambda trainer: getattr(trainer.lora, name) if isinstance(trainer, LoraTrainer) else None


def _plain(name: str) -> Value:
    return lambda trainer: getattr(trainer, name)


SHARED: dict[str, tuple[str, Value]] = {
    "learning_rate": ("learning_rate", _plain("learning_rate")),
    "weight_decay": ("weight_decay", _plain("weight_decay")),
    "warmup_ratio": ("warmup_ratio", _plain("warmup_ratio")),
    "max_grad_norm": ("max_grad_norm", _plain("max_grad_norm")),
    "max_steps": ("max_steps", _plain("max_steps")),
    "eval_steps": ("eval_steps", _plain("eval_steps")),
    "save_steps": ("save_steps", _plain("save_steps")),
    "save_total_limit": ("save_total_limit", _plain("save_total_limit")),
    "gradient_accumulation_steps": ("gradient_accumulation", _plain("gradient_accumulation")),
    "gradient_checkpointing": ("gradient_checkpointing", _plain("gradient_checkpointing")),
    "lora_alpha": ("lora.alpha", _lora("alpha")),
    "lora_dropout": ("lora.dropout", _lora("dropout")),
}
OWN: dict[str, dict[str, tuple[str, Value]]] = {
    "axolotl": {
        **SHARED,
        "num_epochs": ("epochs", _plain("epochs")),
        "micro_batch_size": ("micro_batch_size", _plain("micro_batch_size")),
        "sequence_len": ("max_length", _plain("max_length")),
        "sample_packing": ("packing", _plain("packing")),
        "lr_scheduler": ("scheduler", _plain("scheduler")),
        "early_stopping_patience": ("early_stopping_patience", _plain("early_stopping_patience")),
        "lora_r": ("lora.r", _lora("r")),
    },
    "llama_factory": {
        **SHARED,
        "num_train_epochs": ("epochs", _plain("epochs")),
        "per_device_train_batch_size": ("micro_batch_size", _plain("micro_batch_size")),
        "cutoff_len": ("max_length", _plain("max_length")),
        "packing": ("packing", _plain("packing")),
        "lr_scheduler_type": ("scheduler", _plain("scheduler")),
        "lora_rank": ("lora.r", _lora("r")),
    },
}
"""backend -> its own name of a setting -> (setting of ``trainer``, its value)."""


def setting_problems(config: RunConfig, machine: Machine) -> list[Problem]:
    """Report what no dataset can make right.

    Args:
        config: the whole configuration.
        machine: what trains.
    """
    return [
        *_method(config, machine),
        *_extra(config),
        *_bias(config),
        *_packing(config.trainer),
        *_lengths(config.trainer),
        *_validation(config),
        *_hardware(config, machine),
    ]


def _method(config: RunConfig, machine: Machine) -> list[Problem]:
    told = refusal(config.trainer.name, config.backend.name, cuda=machine.device == "cuda")
    return [Problem("trainer", told, config.trainer.name, code="method")] if told else []


def _extra(config: RunConfig) -> list[Problem]:
    """Report settings by a backend's own names that it does not know, or that say what ``trainer`` says otherwise."""
    extra: Mapping[str, Any] = getattr(config.backend, "extra", None) or {}
    name = config.backend.name
    found = extra_problems(name, extra)
    for key, (setting, value_of) in OWN.get(name, {}).items():
        value = value_of(config.trainer)
        if key in extra and value is not None and extra[key] != value:
            reason = f"contradicts trainer.{setting} = {value!r}"
            remedy = f"Set trainer.{setting} alone; it reaches {name} by itself."
            found.append(Problem(f"backend.extra.{key}", reason, extra[key], remedy=remedy, code="contradiction"))
    if name == "llama_factory" and extra.get("template") is not None:
        reason = "names a template of LLaMA-Factory's own, which need not render what the tokenizer's template does"
        remedy = "Leave it out: LLaMA-Factory then trains with the tokenizer's template, which serving uses too."
        wrong = Problem("backend.extra.template", reason, extra["template"], remedy=remedy, code="serving template")
        found.append(wrong)
    return found


def _packing(trainer: TrainerConfig) -> list[Problem]:
    objective = objective_of(trainer)
    if not trainer.packing or objective not in UNPACKED:
        return []
    reason = f"{objective} compares or samples answers one by one and cannot pack them"
    return [Problem("trainer.packing", reason, True, remedy="Set trainer.packing=false.", code="packing")]


def _bias(config: RunConfig) -> list[Problem]:
    trainer, name = config.trainer, config.backend.name
    if not isinstance(trainer, LoraTrainer) or trainer.lora.bias == "none" or name == "trl":
        return []
    reason = f"is known to backend=trl only, not to {name}"
    return [Problem("trainer.lora.bias", reason, trainer.lora.bias, "none", code="contradiction")]


def _lengths(trainer: TrainerConfig) -> list[Problem]:
    found = []
    if isinstance(trainer, SampledTrainer) and trainer.sampling.max_new_tokens >= trainer.max_length:
        reason = "leaves no room for the question"
        limit = f"less than trainer.max_length = {trainer.max_length}"
        value = trainer.sampling.max_new_tokens
        found.append(Problem("trainer.sampling.max_new_tokens", reason, value, limit, code="contradiction"))
    if trainer.max_steps and trainer.eval_steps > trainer.max_steps:
        reason = f"is beyond the last step, {trainer.max_steps}: validation happens at the end only"
        remedy = "Set trainer.eval_steps=0 to say so."
        value = trainer.eval_steps
        found.append(Problem("trainer.eval_steps", reason, value, remedy=remedy, code="evaluation steps", stops=False))
    return found


def _validation(config: RunConfig) -> list[Problem]:
    patience = config.trainer.early_stopping_patience
    if patience == 0 or config.curation.split.validation_fraction > 0 or config.trainer.name == "pretrain":
        return []
    return [empty_validation(patience, "curation.split.validation_fraction is 0")]


def empty_validation(patience: int, why: str) -> Problem:
    """Return the problem of early stopping without anything to watch."""
    remedy = "Set trainer.early_stopping_patience=0, or raise curation.split.validation_fraction."
    reason = f"watches the validation split, which is empty ({why})"
    return Problem("trainer.early_stopping_patience", reason, patience, remedy=remedy, code="validation")


def _hardware(config: RunConfig, machine: Machine) -> list[Problem]:
    trainer, found = config.trainer, []
    fp32_only = config.backend.name == "axolotl" and machine.device == "cpu"
    if trainer.precision == "bf16" and (fp32_only or not machine.bf16):
        who = "axolotl on a CPU" if fp32_only else "the hardware"
        reason = f"{who} does not compute in bf16 ({machine.told})"
        found.append(Problem("trainer.precision", reason, "bf16", "auto, fp32", code="precision"))
    if trainer.attention == "flash_attention_2" and (machine.device != "cuda" or (machine.here and not _flash())):
        lacks = "the package flash-attn" if machine.device == "cuda" else "a CUDA device"
        found.append(Problem("trainer.attention", f"needs {lacks}", trainer.attention, "auto, sdpa", code="attention"))
    return [*found, *_kernels(config, machine)]


def _kernels(config: RunConfig, machine: Machine) -> list[Problem]:
    """Report fused kernels that are required and cannot be had."""
    if config.trainer.kernels != "liger":
        return []
    lacks = ""
    if config.backend.name not in ("trl", "axolotl"):
        lacks = f"backend=trl or axolotl: {config.backend.name} has none, or its own"
    elif machine.device != "cuda":
        lacks = "a CUDA device"
    elif config.backend.name == "trl" and machine.here and find_spec("liger_kernel") is None:
        lacks = "the package liger-kernel: pip install 'secft[liger]'"
    return [Problem("trainer.kernels", f"needs {lacks}", "liger", "auto, none", code="kernels")] if lacks else []


def _flash() -> bool:
    return find_spec("flash_attn") is not None
