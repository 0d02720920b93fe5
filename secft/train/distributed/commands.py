"""Command lines that start the processes of one machine."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path

from secft.train.distributed.settings import DistributedSettings

SUPERVISE = "secft.train.distributed.supervise"
FOLDER = "launch"
"""Where launch files lie in a training's directory."""


def torchrun_command(settings: DistributedSettings, node: str, python: str, program: Sequence[str]) -> list[str]:
    """Return the command by which PyTorch starts a machine's processes.

    Args:
        settings: how the training is spread, its port chosen.
        node: number of the machine, from 0.
        python: interpreter.
        program: ``-m`` and a module, or a script, with its arguments.
    """
    return [
        python, "-m", "torch.distributed.run",
        "--nnodes", str(settings.nodes), "--nproc-per-node", str(settings.processes),
        "--node-rank", node,
        "--master-addr", settings.address, "--master-port", str(settings.port),
        "--max-restarts", "0",
        *program,
    ]  # fmt: skip


def accelerate_command(
    settings: DistributedSettings, node: str, python: str, program: Sequence[str], directory: Path
) -> list[str]:
    """Return the command by which accelerate starts a machine's processes; see ``torchrun_command``."""
    return [
        python, "-m", "accelerate.commands.launch",
        "--config_file", str(directory / FOLDER / "accelerate.yaml"),
        "--machine_rank", node,
        "--main_process_ip", settings.address, "--main_process_port", str(settings.port),
        *program,
    ]  # fmt: skip


def start_command(
    settings: DistributedSettings, node: str, python: str, program: Sequence[str], directory: Path
) -> list[str]:
    """Return the command that starts one machine's processes, by the launcher that was chosen.

    On Ray and Slurm it is the command of a whole training: the cluster starts the machines.
    """
    if settings.launcher == "slurm":
        return ["sbatch", "--wait", str(directory / FOLDER / "train.sbatch")]
    if settings.launcher == "ray":
        return [python, "-m", "secft.train.distributed.ray_train", str(directory)]
    if settings.launcher == "accelerate":
        return accelerate_command(settings, node, python, program, directory)
    return torchrun_command(settings, node, python, program)


def supervised(command: Sequence[str], python: str, directory: Path) -> list[str]:
    """Put a command under supervision: one clear end, one checkpoint on SIGTERM, nothing left behind."""
    return [python, "-m", SUPERVISE, str(directory), "--", *command]


def process_environment(settings: DistributedSettings) -> dict[str, str]:
    """Return the variables that the processes of one machine need; a user's own settings come first."""
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    variables = {"OMP_NUM_THREADS": str(max(cores // settings.processes, 1))}
    if settings.device == "cpu":
        variables["ACCELERATE_USE_CPU"] = "true"
    if settings.nodes == 1 and settings.address == "127.0.0.1":
        # Otherwise gloo listens where the machine's own name leads.
        variables["GLOO_SOCKET_IFNAME"] = "lo"
    return {name: os.environ.get(name, value) for name, value in variables.items()}
