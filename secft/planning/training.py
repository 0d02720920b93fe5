"""What settings, base model, backend, memory and disk make of a training; no weights are loaded."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from secft.config.schemas.training import OPTIMIZERS, AdaptedTrainer
from secft.environment import free_disk_bytes, missing_modules
from secft.errors import Problem, stopping
from secft.estimate import estimate, trained_parameters
from secft.fit import fits, gib
from secft.models.loading import supports_attention
from secft.planning.situation import Situation
from secft.train.backends import SEPARATE
from secft.train.checks import Machine
from secft.train.checks.model import ALL_LINEAR, target_problems
from secft.train.checks.settings import setting_problems
from secft.train.distributed.choice import distributed_problems, unused_devices
from secft.train.environments import check
from secft.train.methods import support_of
from secft.train.objectives import adapter_of, method_of
from secft.train.setup import TrainingSetup

SPARE_CHECKPOINTS = 2
"""Beyond save_total_limit: the one that is being written, and the one of the best validation loss."""


def setting_flaws(situation: Situation) -> list[Problem]:
    """Report settings that the chosen backend, objective or hardware cannot fulfil."""
    return setting_problems(situation.setup, situation.machine)


def device_flaws(situation: Situation) -> list[Problem]:
    """Tell of GPUs that a training in one process leaves idle."""
    return unused_devices(situation.setup)


def environment_flaws(situation: Situation) -> list[Problem]:
    """Report an environment of a backend that is not in order; one that is missing is made on first use."""
    name = situation.config.backend.name
    return stopping(check(name, Path(situation.config.paths.backends))) if name in SEPARATE else []


def target_flaws(situation: Situation) -> list[Problem]:
    """Report modules for adapters that the base model does not have."""
    trainer = situation.config.trainer
    if not isinstance(trainer, AdaptedTrainer):
        return []
    if trainer.lora.target_modules == [ALL_LINEAR] and not trainer.lora.modules_to_save:
        return []  # nothing to compare: a packaged model need not be unpacked for it
    return target_problems(trainer, situation.base.path) if situation.base else []


def attention_flaws(situation: Situation) -> list[Problem]:
    """Report an implementation of attention that the architecture of the base model does not have."""
    wanted, base = situation.config.trainer.attention, situation.base
    if wanted == "auto" or base is None or missing_modules(("transformers", "torch")):
        return []
    if supports_attention(base.path, wanted):
        return []
    reason = f"is nothing that {situation.config.model.name} has in transformers"
    return [Problem("trainer.attention", reason, wanted, "auto, eager", code="attention")]


def memory_flaws(situation: Situation) -> list[Problem]:
    """Report a training that will not fit into memory, with the micro batch that would."""
    setup, machine = situation.setup, situation.machine
    needs = estimate(setup, None)
    if fits(setup, machine):
        return _busy(needs.total_bytes, machine)
    batch = setup.trainer.micro_batch_size
    largest = largest_micro_batch(setup, machine)
    parts = sorted(needs.memory_bytes.items(), key=lambda part: -part[1])[:3]
    held = ", ".join(f"{name} {gib(size)}" for name, size in parts)
    reason = (
        f"needs about {gib(needs.total_bytes)} on each device, which has {gib(machine.memory)} "
        f"({machine.summary}; most of it: {held})"
    )
    remedy = (
        f"With trainer.micro_batch_size={largest} trainer.gradient_accumulation="
        f"{-(-batch * setup.trainer.gradient_accumulation // largest)} it fits."
        if largest
        else f"No micro batch fits: {_smaller(setup)}."
    )
    return [Problem("trainer.micro_batch_size", reason, batch, remedy=remedy, code="memory")]


def largest_micro_batch(setup: TrainingSetup, machine: Machine) -> int:
    """Return the largest micro batch, up to the configured one, that fits; 0 if not even the smallest does."""
    smallest = support_of(method_of(setup.trainer), setup.backend.name).smallest_micro_batch
    return next(
        (batch for batch in range(setup.trainer.micro_batch_size, smallest - 1, -1) if fits(setup, machine, batch)), 0
    )


def _smaller(setup: TrainingSetup) -> str:
    ways = []
    if not setup.trainer.gradient_checkpointing:
        ways.append("set trainer.gradient_checkpointing=true")
    if not adapter_of(setup.trainer).quantised:
        ways.append("use trainer=lora or qlora" if adapter_of(setup.trainer).whole else "use trainer=qlora")
    ways += ["lower trainer.max_length", "take a smaller model"]
    spread = replace(setup.distributed, name="fsdp2", processes=max(setup.distributed.processes, 2), offload="none")
    if setup.distributed.name in ("single", "ddp") and not distributed_problems(replace(setup, distributed=spread)):
        ways.append("divide it with distributed=fsdp2")
    return ", ".join(ways)


def _busy(needed: int, machine: Machine) -> list[Problem]:
    if machine.free is None or needed <= machine.free:
        return []
    reason = f"needs about {gib(needed)} and only {gib(machine.free)} are free right now; the machine has enough"
    return [Problem("trainer", reason, remedy="End other programs first.", code="memory", stops=False)]


def disk_flaws(situation: Situation) -> list[Problem]:
    """Report a disk on which the checkpoints and the result will not fit."""
    place, trained = Path(situation.config.paths.cache), trained_parameters(situation.setup)
    checkpoints = situation.config.trainer.save_total_limit + SPARE_CHECKPOINTS
    # A trained weight in a checkpoint: itself in fp32, and the moments of the optimizer.
    size = int(trained * (4 + OPTIMIZERS[situation.config.trainer.optimizer].moment_bytes))
    needed = checkpoints * size + trained * 4
    free = free_disk_bytes(place)
    if needed <= free:
        return []
    reason = (
        f"needs about {gib(needed)} for {checkpoints} checkpoints of {gib(size)} and the result, "
        f"and {gib(free)} are free"
    )
    remedy = "Free some space, choose another place, or lower trainer.save_total_limit."
    return [Problem("paths.cache", reason, str(place), remedy=remedy, code="disk")]
