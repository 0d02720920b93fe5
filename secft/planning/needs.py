"""Whether memory and disk suffice for a training, from sizes alone."""

from __future__ import annotations

from pathlib import Path

from secft.config.run import RunConfig
from secft.environment import free_disk_bytes
from secft.errors import Problem
from secft.estimate import estimate, trained_parameters
from secft.planning.setup import setup_of
from secft.train.checks import Machine
from secft.train.objectives import adapter_of

USABLE = 0.95
"""Share of a device's memory that a prediction may take: allocators lose some."""
STATE_BYTES = 12
"""Bytes of a trained weight in a checkpoint: itself and two moments of AdamW, in fp32."""
SPARE_CHECKPOINTS = 2
"""Beyond save_total_limit: the one that is being written, and the one of the best validation loss."""


def memory_flaws(config: RunConfig, machine: Machine) -> list[Problem]:
    """Report a training that will not fit into memory, with the micro batch that would."""
    needs = estimate(setup_of(config), None)
    if not needs.base_parameters or needs.total_bytes <= machine.memory * USABLE:
        return _busy(needs.total_bytes, machine)
    batch = config.trainer.micro_batch_size
    fits = largest_micro_batch(config, machine)
    parts = sorted(needs.memory_bytes.items(), key=lambda part: -part[1])[:3]
    told = ", ".join(f"{name} {_gib(size)}" for name, size in parts)
    reason = (
        f"needs about {_gib(needs.total_bytes)} on each device, which has {_gib(machine.memory)} "
        f"({machine.summary}; most of it: {told})"
    )
    remedy = (
        f"With trainer.micro_batch_size={fits} trainer.gradient_accumulation="
        f"{-(-batch * config.trainer.gradient_accumulation // fits)} it fits."
        if fits
        else f"No micro batch fits: {_smaller(config)}."
    )
    return [Problem("trainer.micro_batch_size", reason, batch, remedy=remedy, code="memory")]


def largest_micro_batch(config: RunConfig, machine: Machine) -> int:
    """Return the largest micro batch, up to the configured one, that fits; 0 if not even one row does."""
    for batch in range(config.trainer.micro_batch_size, 0, -1):
        if estimate(setup_of(config), None, batch).total_bytes <= machine.memory * USABLE:
            return batch
    return 0


def _smaller(config: RunConfig) -> str:
    ways = []
    if not config.trainer.gradient_checkpointing:
        ways.append("set trainer.gradient_checkpointing=true")
    if adapter_of(config.trainer) != "qlora":
        ways.append("use trainer=qlora" if adapter_of(config.trainer) != "none" else "use trainer=lora or qlora")
    ways += ["lower trainer.max_length", "take a smaller model", "divide it with distributed=fsdp2"]
    return ", ".join(ways)


def _busy(needed: int, machine: Machine) -> list[Problem]:
    if machine.free is None or needed <= machine.free:
        return []
    reason = f"needs about {_gib(needed)} and only {_gib(machine.free)} are free right now; the machine has enough"
    return [Problem("trainer", reason, remedy="End other programs first.", code="memory", stops=False)]


def checkpoint_bytes(config: RunConfig) -> int:
    """Return the size of one checkpoint."""
    return trained_parameters(setup_of(config)) * STATE_BYTES


def disk_flaws(config: RunConfig) -> list[Problem]:
    """Report a disk on which the checkpoints and the result will not fit."""
    trainer, place = config.trainer, Path(config.paths.cache)
    checkpoints = trainer.save_total_limit + SPARE_CHECKPOINTS
    needed = checkpoints * checkpoint_bytes(config) + trained_parameters(setup_of(config)) * 4
    free = free_disk_bytes(place)
    if needed <= free:
        return []
    reason = (
        f"needs about {_gib(needed)} for {checkpoints} checkpoints of {_gib(checkpoint_bytes(config))} and the result, "
        f"and {_gib(free)} are free"
    )
    remedy = "Free some space, choose another place, or lower trainer.save_total_limit."
    return [Problem("paths.cache", reason, str(place), remedy=remedy, code="disk")]


def _gib(size: int) -> str:
    return f"{size / 2**30:,.1f} GiB"
