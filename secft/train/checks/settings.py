"""Settings of training that contradict each other, the backend or the hardware."""

from __future__ import annotations

from collections.abc import Mapping
from importlib.util import find_spec
from typing import Any

from secft.config.schemas.training import OPTIMIZERS, AdaptedTrainer, SampledTrainer, TrainerConfig
from secft.environment import install_command
from secft.errors import Problem
from secft.train.backends import BACKENDS
from secft.train.backends.keys import extra_problems
from secft.train.checks.machine import Machine
from secft.train.methods import refusal, support_of
from secft.train.objectives import method_of, objective_of
from secft.train.setup import TrainingSetup


def setting_problems(setup: TrainingSetup, machine: Machine) -> list[Problem]:
    """Report what no dataset can make right.

    Args:
        setup: the training.
        machine: what trains.
    """
    return [
        *_method(setup, machine),
        *_extra(setup),
        *_bias(setup),
        *_packing(setup.trainer),
        *_lengths(setup.trainer),
        *_micro_batch(setup),
        *_optimizer(setup, machine),
        *_validation(setup),
        *_hardware(setup, machine),
    ]


def _method(setup: TrainingSetup, machine: Machine) -> list[Problem]:
    reason = refusal(setup.trainer.name, setup.backend.name, cuda=machine.device == "cuda")
    return [Problem("trainer", reason, setup.trainer.name, code="method")] if reason else []


def _extra(setup: TrainingSetup) -> list[Problem]:
    """Report settings by a backend's own names that it does not know, or that say what ``trainer`` says otherwise."""
    extra: Mapping[str, Any] = getattr(setup.backend, "extra", None) or {}
    record = BACKENDS[setup.backend.name]
    found = extra_problems(record.name, extra)
    for key, setting in record.same_settings.items():
        value = _value(setup.trainer, setting)
        if key in extra and value not in (None, "auto") and extra[key] != value:
            reason = f"contradicts trainer.{setting} = {value!r}"
            remedy = f"Set trainer.{setting} alone; it reaches {record.name} by itself."
            found.append(Problem(f"backend.extra.{key}", reason, extra[key], remedy=remedy, code="contradiction"))
    for key, (reason, remedy) in record.discouraged.items():
        if extra.get(key) is not None:
            problem = Problem(f"backend.extra.{key}", reason, extra[key], remedy=remedy, code="serving template")
            found.append(problem)
    return found


def _value(trainer: TrainerConfig, setting: str) -> Any:
    """Return the value of a dotted setting, or None where the trainer has no such part."""
    value: Any = trainer
    for part in setting.split("."):
        value = getattr(value, part, None)
    return value


def _packing(trainer: TrainerConfig) -> list[Problem]:
    if not trainer.packing or objective_of(trainer).rows.packs:
        return []
    reason = f"{trainer.name} compares or samples answers one by one and cannot pack them"
    return [Problem("trainer.packing", reason, True, remedy="Set trainer.packing=false.", code="packing")]


def _bias(setup: TrainingSetup) -> list[Problem]:
    """Report what is trained beside adapters and only some backends know."""
    trainer, record = setup.trainer, BACKENDS[setup.backend.name]
    if not isinstance(trainer, AdaptedTrainer) or record.biases:
        return []
    known = " or ".join(name for name, other in BACKENDS.items() if other.biases)
    reason, lora = f"is known to backend={known} only, not to {record.name}", trainer.lora
    asked = [("bias", lora.bias, "none")] if lora.bias != "none" else []
    asked += [("modules_to_save", str(lora.modules_to_save), "[]")] if lora.modules_to_save else []
    return [
        Problem(f"trainer.lora.{key}", reason, value, allowed, code="contradiction") for key, value, allowed in asked
    ]


def _micro_batch(setup: TrainingSetup) -> list[Problem]:
    """Report rows of a forward pass that are too few to be compared with each other."""
    trainer = setup.trainer
    smallest = support_of(method_of(trainer), setup.backend.name).smallest_micro_batch
    if trainer.micro_batch_size >= smallest:
        return []
    reason = f"trainer={trainer.name} of backend={setup.backend.name} compares the answers of a forward pass"
    key, remedy = "trainer.micro_batch_size", f"Set trainer.micro_batch_size={smallest}."
    return [Problem(key, reason, trainer.micro_batch_size, f"{smallest} or more", remedy=remedy, code="micro batch")]


def _optimizer(setup: TrainingSetup, machine: Machine) -> list[Problem]:
    """Report an optimizer that the hardware, or a division of its states, does not have."""
    chosen, spread = OPTIMIZERS[setup.trainer.optimizer], setup.distributed.name
    reason, allowed = "", "adamw"
    if chosen.paged and machine.device != "cuda":
        reason = f"moves its states between a GPU and main memory, and there is no GPU ({machine.summary})"
        allowed = "adamw, adamw_8bit"
    elif chosen.eight_bit and (spread == "fsdp2" or spread.startswith("deepspeed")):
        reason = f"keeps its states in blocks of 8 bits, which distributed={spread} cannot divide"
    if not reason:
        return []
    return [Problem("trainer.optimizer", reason, chosen.name, allowed, code="optimizer")]


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


def _validation(setup: TrainingSetup) -> list[Problem]:
    patience = setup.trainer.early_stopping_patience
    if patience == 0 or setup.validation_fraction > 0:
        return []
    return [empty_validation(patience, "curation.split.validation_fraction is 0")]


def empty_validation(patience: int, why: str) -> Problem:
    """Return the problem of early stopping without anything to watch."""
    remedy = "Set trainer.early_stopping_patience=0, or raise curation.split.validation_fraction."
    reason = f"watches the validation split, which is empty ({why})"
    return Problem("trainer.early_stopping_patience", reason, patience, remedy=remedy, code="validation")


def _hardware(setup: TrainingSetup, machine: Machine) -> list[Problem]:
    trainer, found = setup.trainer, []
    fp32_only = machine.device == "cpu" and not BACKENDS[setup.backend.name].cpu_bf16
    if trainer.precision == "bf16" and (fp32_only or not machine.bf16):
        who = f"{setup.backend.name} on a CPU" if fp32_only else "the hardware"
        reason = f"{who} does not compute in bf16 ({machine.summary})"
        found.append(Problem("trainer.precision", reason, "bf16", "auto, fp32", code="precision"))
    absent = machine.device != "cuda" or (machine.here and find_spec("flash_attn") is None)
    if trainer.attention == "flash_attention_2" and absent:
        lacks = "the package flash-attn" if machine.device == "cuda" else "a CUDA device"
        found.append(Problem("trainer.attention", f"needs {lacks}", trainer.attention, "auto, sdpa", code="attention"))
    return [*found, *_kernels(setup, machine)]


def _kernels(setup: TrainingSetup, machine: Machine) -> list[Problem]:
    """Report fused kernels that are required and cannot be had."""
    if setup.trainer.kernels != "liger":
        return []
    lacks, record = "", BACKENDS[setup.backend.name]
    if not record.kernels:
        known = " or ".join(name for name, other in BACKENDS.items() if other.kernels)
        lacks = f"backend={known}: {record.name} has none, or its own"
    elif machine.device != "cuda":
        lacks = "a CUDA device"
    elif not record.separate and machine.here and find_spec("liger_kernel") is None:
        lacks = f"the package liger-kernel: {install_command('liger')}"
    return [Problem("trainer.kernels", f"needs {lacks}", "liger", "auto, none", code="kernels")] if lacks else []
