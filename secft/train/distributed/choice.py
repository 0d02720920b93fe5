"""From the configuration to settings, and what is impossible in it."""

from __future__ import annotations

import os
import re
import shutil

from secft.config.schemas.distributed import AUTO, DistributedConfig
from secft.config.schemas.hardware import HardwareConfig
from secft.environment import cuda_devices, install_command, missing_modules
from secft.errors import Problem
from secft.files import plain
from secft.train.backends import BACKENDS
from secft.train.checks.machine import machine_of
from secft.train.distributed.settings import NO_DEVICE, DistributedSettings
from secft.train.methods import support_of
from secft.train.objectives import adapter_of, method_of, objective_of
from secft.train.setup import TrainingSetup

# What reaches a shell script is a word of these characters only, whoever wrote the configuration.
WORD = re.compile(r"[A-Za-z0-9_.:,@/+-]+")


def settings_of(config: DistributedConfig, hardware: HardwareConfig | None = None) -> DistributedSettings:
    """Translate the configuration of a training's processes.

    Args:
        config: how many, and how they are started.
        hardware: what is trained on, or planned for: on the processor no GPU is seen; None is this machine as it is.
    """
    on_processor = hardware is not None and hardware.device == "cpu"
    planned = hardware is not None and hardware.device == "cuda"
    on_gpu = planned or (bool(cuda_devices()) and not on_processor)
    device = config.device if config.device != "auto" else "cuda" if on_gpu else "cpu"
    return DistributedSettings(
        strategy=config.name,  # type: ignore[arg-type]  # the schema allows the same names
        processes=config.processes,
        nodes=config.nodes,
        offload=config.offload,
        device=device,
        launcher=config.launcher,
        address=config.address,
        port=config.port or 0,
        timeout=config.timeout,
        ray_address=config.ray_address or "",
        slurm=plain(config.slurm),
        visible=_visible(config, device),
    )


def _visible(config: DistributedConfig, device: str) -> str:
    """Return what a single process may see: one GPU, for transformers would divide a batch among all, or none."""
    if config.name != "single" or not cuda_devices():
        return ""
    if device == "cpu":
        return NO_DEVICE
    named = os.environ.get("CUDA_VISIBLE_DEVICES", "0").split(",")[0].strip()
    return named or "0" if len(cuda_devices()) > 1 else ""


def unused_devices(setup: TrainingSetup) -> list[Problem]:
    """Tell of GPUs that a single process does not use."""
    count, here = len(cuda_devices()), settings_of(setup.distributed, setup.hardware)
    if here.strategy != "single" or count < 2 or here.device != "cuda":
        return []
    reason = f"trains on the first of {count} GPUs"
    remedy = f"distributed=ddp distributed.processes={count} uses all of them."
    return [Problem("distributed", reason, "single", remedy=remedy, code="devices", stops=False)]


def open_problems(chosen: DistributedConfig) -> list[Problem]:
    """Return settings that say otherwise what ``distributed=auto`` decides."""
    if chosen.name != AUTO:
        return []
    named = f"distributed=ddp distributed.processes={max(chosen.processes, 2)}"
    decided = (
        ("processes", chosen.processes, 1, "is as many as there are GPUs", f"Leave it out, or use {named}."),
        (
            "nodes",
            chosen.nodes,
            1,
            "is 1: this machine alone is asked",
            f"Use {named} distributed.nodes={chosen.nodes}.",
        ),
        ("launcher", chosen.launcher, None, "trains on machines that cannot be asked here", f"Use {named}."),
        ("offload", chosen.offload, "none", "is none", "Use distributed=fsdp2 distributed.offload=all."),
    )
    return [
        _refused(key, f"with distributed=auto {reason}", value, remedy)
        for key, value, open_value, reason, remedy in decided
        if (value == "slurm" if open_value is None else value != open_value)
    ]


def distributed_problems(setup: TrainingSetup) -> list[Problem]:
    """Return what is impossible on any machine: pairs of settings that contradict each other."""
    chosen, world = setup.distributed, setup.world
    if chosen.name == "single":
        return [] if world == 1 else [_refused("processes", "needs a way to divide the work", world, "distributed=ddp")]
    found = [*_offload_problems(chosen), *_word_problems(chosen), *_method_problems(setup)]
    if chosen.nodes > 1 and chosen.launcher in ("torchrun", "accelerate") and chosen.address == "127.0.0.1":
        reason = "is this machine itself; the others cannot reach it"
        found.append(_refused("address", reason, chosen.address, "Give the address of the first machine."))
    return found


def missing_here(setup: TrainingSetup) -> list[Problem]:
    """Return what this machine lacks for the chosen division and launcher."""
    chosen, found = setup.distributed, []
    if (
        chosen.name.startswith("deepspeed")
        and not BACKENDS[setup.backend.name].separate
        and missing_modules(("deepspeed",))
    ):
        found.append(_refused("name", "deepspeed is not installed", chosen.name, install_command("deepspeed")))
    if chosen.launcher == "ray" and missing_modules(("ray",)):
        found.append(_refused("launcher", "ray is not installed", "ray", install_command("ray")))
    if chosen.launcher == "slurm" and chosen.name != "single" and shutil.which("sbatch") is None:
        remedy = "Start it on a machine that submits Slurm jobs; dry_run=true shows the script."
        found.append(_refused("launcher", "there is no sbatch here", "slurm", remedy))
    if chosen.name.startswith("deepspeed") and settings_of(chosen, setup.hardware).device == "cpu":
        remedy = "Use distributed=fsdp2, or distributed.device=cuda where the machines that train have GPUs."
        found.append(_refused("name", "needs GPUs: accelerate leaves DeepSpeed out on CPUs", chosen.name, remedy))
    devices, wants_cuda = len(cuda_devices()), settings_of(chosen, setup.hardware).device == "cuda"
    started_here = machine_of(setup.hardware).here and chosen.launcher != "slurm"
    if chosen.name != "single" and wants_cuda and started_here and devices < chosen.processes:
        remedy = (
            f"This machine has {devices}: use distributed.processes={devices}." if devices else "Use a GPU machine."
        )
        found.append(_refused("processes", "is more than the CUDA devices here", chosen.processes, remedy))
    return found


def _offload_problems(chosen: DistributedConfig) -> list[Problem]:
    allowed = {"deepspeed_zero3": ("none", "optimizer", "all"), "fsdp2": ("none", "all"), "ddp": ("none",)}
    fits = allowed.get(chosen.name, ("none", "optimizer"))
    if chosen.offload in fits:
        return []
    reason = f"is nothing that {chosen.name} can do"
    return [Problem("distributed.offload", reason, chosen.offload, ", ".join(fits))]


def _word_problems(chosen: DistributedConfig) -> list[Problem]:
    words = {
        "address": chosen.address,
        "ray_address": chosen.ray_address,
        "slurm.partition": chosen.slurm.partition,
        "slurm.account": chosen.slurm.account,
        "slurm.time": chosen.slurm.time,
    }
    allowed = "letters, digits and _ . : , @ / + -"
    return [
        Problem(f"distributed.{key}", "has characters that a launch file may not hold", value, allowed)
        for key, value in words.items()
        if value is not None and not WORD.fullmatch(value)
    ]


def _method_problems(setup: TrainingSetup) -> list[Problem]:
    chosen, backend = setup.distributed, BACKENDS[setup.backend.name]
    if not backend.launchers:
        others = ", ".join(name for name, record in BACKENDS.items() if record.launchers)
        remedy = f"Use distributed=single, or one of backend={others}."
        return [_refused("name", f"backend={backend.name} trains in one process", chosen.name, remedy)]
    if chosen.launcher not in backend.launchers:
        able = ", ".join(name for name, record in BACKENDS.items() if chosen.launcher in record.launchers)
        reason = f"starts backend={able} only, not backend={backend.name}"
        return [_refused("launcher", reason, chosen.launcher, "Use launcher=torchrun.")]
    if support_of(method_of(setup.trainer), backend.name).one_process:
        reason = f"trainer={setup.trainer.name} trains in one process"
        return [_refused("name", reason, chosen.name, "Use distributed=single.")]
    sharded = chosen.name == "fsdp2" or chosen.name.startswith("deepspeed")
    if sharded and adapter_of(setup.trainer).quantised and chosen.name != "deepspeed_zero1":
        reason = "divides weights, and quantised weights cannot be divided here"
        return [_refused("name", reason, chosen.name, "Use distributed=ddp, or trainer=lora.")]
    if sharded and not backend.separate and not objective_of(setup.trainer).rows.packs:
        reason = f"divides weights; trainer={setup.trainer.name} needs them whole"
        return [_refused("name", reason, chosen.name, "Use distributed=ddp.")]
    return []


def _refused(key: str, reason: str, value: object, remedy: str) -> Problem:
    return Problem(f"distributed.{key}", reason, value, remedy=remedy)
