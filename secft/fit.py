"""A training fitted to what trains it, where nobody chose: processes, micro batch, activations that are kept.

``distributed=auto`` becomes a strategy of its own, and on a GPU a micro batch that would not fit by the plan's own
estimate of memory becomes smaller, with the same global batch. Both are decided by sizes and this machine alone, before
anything is named after the settings: fingerprints, the job and the run's ``config.yaml`` hold what was decided.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from secft.config.schemas.distributed import AUTO
from secft.estimate import estimate
from secft.train.checks.machine import Machine, machine_of
from secft.train.distributed.choice import distributed_problems
from secft.train.methods import support_of
from secft.train.objectives import method_of
from secft.train.objectives.pretrain import PretrainTrainer
from secft.train.setup import TrainingSetup

USABLE = 0.95
"""Share of a device's memory that a prediction may take: allocators lose some."""
DIVISIONS = ("ddp", "fsdp2")
"""What ``auto`` takes on several GPUs, the first that fits: whole models on each are the fastest."""
BATCH, CHECKPOINTING = "micro_batch_size", "gradient_checkpointing"
FITTED = (BATCH, CHECKPOINTING, "gradient_accumulation")
"""Settings of ``trainer`` that may be decided here."""


@dataclass(frozen=True)
class FittedSetup:
    """A training as it will be started.

    Attributes:
        setup: with everything decided.
        told: what was decided and why, a sentence each; empty where all was as it had been chosen.
    """

    setup: TrainingSetup
    told: tuple[str, ...] = ()


def fitted(setup: TrainingSetup) -> FittedSetup:
    """Decide what is left open; what is decided already, or cannot be fitted, stays as it is.

    Args:
        setup: as composed.
    """
    if isinstance(setup.trainer, PretrainTrainer):
        return FittedSetup(setup)
    machine = machine_of(setup.hardware)
    if setup.distributed.name == AUTO:
        return _spread(setup, machine)
    return _in_memory(setup, machine)


def fits(setup: TrainingSetup, machine: Machine, micro_batch: int | None = None) -> bool:
    """Tell whether a training fits into the memory of each device; one whose sizes are not known does.

    Args:
        setup: the training.
        machine: what trains.
        micro_batch: rows of a forward pass, instead of the trainer's.
    """
    needs = estimate(setup, None, micro_batch)
    return not needs.base_parameters or needs.total_bytes <= machine.memory * USABLE


def gib(size: float) -> str:
    """Return a number of bytes for people."""
    return f"{size / 2**30:,.1f} GiB"


def _spread(setup: TrainingSetup, machine: Machine) -> FittedSetup:
    """Decide on how many processes, and how they divide the work."""
    devices = machine.devices if machine.device == "cuda" and setup.distributed.device != "cpu" else 0
    single = _divided(setup, "single", 1)
    if devices < 2:
        why = "there is one GPU" if devices else "it trains on the processor"
        return _told(_in_memory(single, machine), f"distributed=auto is single: {why}")
    refused: list[str] = []
    candidates: list[FittedSetup] = []
    for name in DIVISIONS:
        divided = _divided(setup, name, devices)
        problems = distributed_problems(divided)
        refused += [f"{name} {problem.reason}" for problem in problems[:1]]
        if not problems:
            candidates.append(_in_memory(divided, machine))
    if not candidates:
        why = f"of {devices} GPUs one is used, for {refused[0].removeprefix(DIVISIONS[0]).strip()}"
        return _told(_in_memory(single, machine), f"distributed=auto is single: {why}")
    chosen = next((one for one in candidates if fits(one.setup, machine)), candidates[-1])
    return _told(chosen, _why(chosen, candidates[0], devices, machine, refused))


def _why(chosen: FittedSetup, whole: FittedSetup, devices: int, machine: Machine, refused: list[str]) -> str:
    name = chosen.setup.distributed.name
    head = f"distributed=auto is {name} on {devices} GPUs"
    needs = estimate(chosen.setup, None)
    if not needs.base_parameters:
        return f"{head}: the sizes of the model are not known"
    size = f"{gib(needs.total_bytes)} of {gib(machine.memory)}"
    if not fits(chosen.setup, machine):
        other = f" ({refused[-1]})" if refused else ""
        return f"{head}: nothing fits, and it needs the least{other}"
    if chosen is whole and name == DIVISIONS[0]:
        return f"{head}: the model fits on each ({size})"
    one = gib(estimate(whole.setup, None).total_bytes)
    return f"{head}: one GPU cannot hold the model ({one} of {gib(machine.memory)}), all together can ({size} on each)"


def _divided(setup: TrainingSetup, name: str, processes: int) -> TrainingSetup:
    return replace(
        setup, distributed=replace(setup.distributed, name=name, processes=processes, nodes=1, offload="none")
    )


def _told(found: FittedSetup, text: str) -> FittedSetup:
    return FittedSetup(found.setup, (text, *found.told))


def _in_memory(setup: TrainingSetup, machine: Machine) -> FittedSetup:
    """Lower the micro batch and compute activations again where a GPU is too small, if nobody chose either.

    The largest power of two is taken that divides the rows of a step on one process, so that they stay as many;
    activations are computed again only where not even the smallest micro batch would fit without.
    """
    open_settings = setup.hardware.fitted
    if machine.device != "cuda" or not open_settings or fits(setup, machine):
        return FittedSetup(setup)
    kept = _smaller(setup, machine) if BATCH in open_settings else None
    if kept is not None or CHECKPOINTING not in open_settings or setup.trainer.gradient_checkpointing:
        return FittedSetup(kept, (_explained(setup, kept, machine),)) if kept else FittedSetup(setup)
    again = replace(setup, trainer=replace(setup.trainer, gradient_checkpointing=True))
    found = again if fits(again, machine) else _smaller(again, machine) if BATCH in open_settings else None
    return FittedSetup(found, (_explained(setup, found, machine),)) if found else FittedSetup(setup)


def _smaller(setup: TrainingSetup, machine: Machine) -> TrainingSetup | None:
    trainer = setup.trainer
    rows = trainer.micro_batch_size * trainer.gradient_accumulation
    smallest = support_of(method_of(trainer), setup.backend.name).smallest_micro_batch
    sizes = [2**power for power in range(trainer.micro_batch_size.bit_length())]
    for size in reversed([one for one in sizes if smallest <= one < trainer.micro_batch_size and rows % one == 0]):
        if fits(setup, machine, size):
            changed = replace(trainer, micro_batch_size=size, gradient_accumulation=rows // size)
            return replace(setup, trainer=changed)
    return None


def _explained(before: TrainingSetup, after: TrainingSetup, machine: Machine) -> str:
    old, new = before.trainer, after.trainer
    changes = []
    if new.micro_batch_size != old.micro_batch_size:
        changes.append(
            f"trainer.micro_batch_size={new.micro_batch_size} "
            f"trainer.gradient_accumulation={new.gradient_accumulation} instead of {old.micro_batch_size} and "
            f"{old.gradient_accumulation}, the same global batch"
        )
    if new.gradient_checkpointing and not old.gradient_checkpointing:
        changes.append("trainer.gradient_checkpointing=true (activations are computed again)")
    needed = gib(estimate(before, None).total_bytes)
    return (
        f"{' and '.join(changes)}: {needed} would be needed on each device, which has {gib(machine.memory)}; "
        f"now {gib(estimate(after, None).total_bytes)}"
    )
