"""What a plan tells about the start of a training: environment, commands of every machine, launch files."""

from __future__ import annotations

import shlex
from dataclasses import replace
from pathlib import Path

from secft.train.distributed.choice import settings_of
from secft.train.distributed.commands import process_environment, start_command
from secft.train.distributed.launch_files import launch_files
from secft.train.distributed.settings import DEFAULT_PORT, DistributedSettings
from secft.train.setup import TrainingSetup

RUNNER = "secft.train.backends.trl.runner"
PLACE = Path("<training>")
"""Stands for the training's directory, which is named when the run starts."""


def launch_plan(setup: TrainingSetup) -> list[str]:
    """Return the lines of a plan; one line for a training in one process."""
    settings = settings_of(setup.distributed, setup.hardware)
    batch = setup.trainer.micro_batch_size * setup.trainer.gradient_accumulation
    if settings.strategy == "single":
        return [f"launch: one process on {settings.device}, {batch} rows in a global batch"]
    settings = replace(settings, port=settings.port or DEFAULT_PORT)
    head = (
        f"launch: {settings.strategy}, {settings.nodes} x {settings.processes} processes on {settings.device} by "
        f"{settings.launcher}; a global batch has {batch} x {settings.world} = {batch * settings.world} rows"
    )
    offload = [f"  offload to main memory: {settings.offload}"] if settings.offload != "none" else []
    variables = [f"  environment: {name}={value}" for name, value in process_environment(settings).items()]
    return [head, *offload, *variables, *_command_lines(settings), *_file_lines(settings, setup.trainer.precision)]


def _program() -> list[str]:
    return ["-m", RUNNER, str(PLACE)]


def _command_lines(settings: DistributedSettings) -> list[str]:
    if settings.launcher in ("ray", "slurm"):
        return [f"  start: {_shown(start_command(settings, '0', 'python', _program(), PLACE))}"]
    commands = [start_command(settings, str(node), "python", _program(), PLACE) for node in range(settings.nodes)]
    lines = [f"  machine {node}: {_shown(command)}" for node, command in enumerate(commands)]
    if settings.nodes > 1:
        lines.append(f"  secft starts machine 0; start the others with: NODE_RANK=<n> bash {PLACE}/launch/node.sh")
    return lines


def _shown(command: list[str]) -> str:
    return shlex.join(command).replace(f"'{PLACE}", f"{PLACE}").replace("'", "")


def _file_lines(settings: DistributedSettings, precision: str) -> list[str]:
    texts = launch_files(settings, "python", _program(), PLACE, "bf16" if precision == "auto" else precision)
    shown = {"slurm": ("train.sbatch", "node.sh"), "accelerate": ("accelerate.yaml",)}.get(settings.launcher, ())
    shown = (*shown, "deepspeed.json") if settings.zero_stage else shown
    lines = [f"  files: {', '.join(f'{PLACE}/launch/{name}' for name in sorted(texts))}"]
    for name in shown:
        lines += [f"  {name}:", *(f"    {line}" for line in texts[name].splitlines())]
    return lines
