"""Launch files of one training: what accelerate and DeepSpeed read, what every machine runs, what Slurm is given."""

from __future__ import annotations

import json
import shlex
import sys
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import yaml

from secft.files import write_text
from secft.train.distributed.commands import (
    FOLDER,
    accelerate_command,
    process_environment,
    supervised,
    torchrun_command,
)
from secft.train.distributed.libraries import accelerate_config, deepspeed_json
from secft.train.distributed.settings import DistributedSettings

# What a machine learns when it starts, as shell words that must not be quoted.
NODE, ADDRESS = "SECFT_NODE", "SECFT_ADDRESS"


def launch_files(
    settings: DistributedSettings, python: str, program: Sequence[str], directory: Path, precision: str
) -> dict[str, str]:
    """Return name -> text of the launch files of a training.

    Args:
        settings: how the training is spread, its port chosen.
        python: interpreter, the same path on all machines.
        program: ``-m`` and a module, or a script, with its arguments.
        directory: of the training, on a disk that all machines share.
        precision: bf16 or fp32.
    """
    place = directory / FOLDER
    texts = {"node.sh": node_script(settings, python, program, directory)}
    if settings.zero_stage:
        texts["deepspeed.json"] = json.dumps(deepspeed_json(settings), indent=2) + "\n"
    deepspeed_file = str(place / "deepspeed.json") if settings.zero_stage else ""
    texts["accelerate.yaml"] = yaml.safe_dump(accelerate_config(settings, precision, deepspeed_file), sort_keys=True)
    if settings.launcher == "slurm":
        texts["train.sbatch"] = slurm_script(settings, directory)
    return texts


def write_launch_files(
    settings: DistributedSettings, python: str, program: Sequence[str], directory: Path, precision: str
) -> list[Path]:
    """Write the launch files below a training's directory, say what other machines run, and return the files."""
    texts = launch_files(settings, python, program, directory, precision)
    for name, text in texts.items():
        write_text(directory / FOLDER / name, text)
    if settings.nodes > 1 and settings.launcher in ("torchrun", "accelerate"):
        script = shlex.quote(str(directory / FOLDER / "node.sh"))
        message = f"train: start the other machines with NODE_RANK=<1 to {settings.nodes - 1}> bash {script}"
        print(message, file=sys.stderr, flush=True)
    return [directory / FOLDER / name for name in texts]


def node_script(settings: DistributedSettings, python: str, program: Sequence[str], directory: Path) -> str:
    """Return the script that every machine runs; its number is in NODE_RANK, or Slurm says it."""
    local = replace(settings, address=ADDRESS)
    if settings.launcher == "accelerate":
        command = accelerate_command(local, NODE, python, program, directory)
    else:
        command = torchrun_command(local, NODE, python, program)
    line = shlex.join(supervised(command, python, directory))
    line = line.replace(NODE, '"${NODE_RANK:-${SLURM_NODEID:-0}}"')
    line = line.replace(ADDRESS, f'"${{MASTER_ADDR:-{settings.address}}}"')
    exports = "".join(f'export {name}="${{{name}:-{value}}}"\n' for name, value in _variables(settings).items())
    return (
        "#!/usr/bin/env bash\n"
        f"# The share of one of {settings.nodes} machines: NODE_RANK=<0 to {settings.nodes - 1}> bash node.sh\n"
        f"set -euo pipefail\n{exports}exec {line}\n"
    )


def _variables(settings: DistributedSettings) -> dict[str, str]:
    if settings.launcher == "slurm":
        # The machine that writes this file is not the one that trains.
        return {"OMP_NUM_THREADS": str(settings.slurm["cpus_per_process"])}
    return process_environment(settings)


def slurm_script(settings: DistributedSettings, directory: Path) -> str:
    """Return the batch script: one task on each machine, which starts that machine's processes."""
    slurm: dict[str, Any] = settings.slurm
    cores = settings.processes * int(slurm["cpus_per_process"])
    options = {
        "job-name": "secft",
        "nodes": settings.nodes,
        "ntasks-per-node": 1,
        "cpus-per-task": cores,
        "gpus-per-node": settings.processes if settings.device == "cuda" else None,
        "time": slurm["time"],
        "partition": slurm["partition"],
        "account": slurm["account"],
        "signal": f"B:TERM@{slurm['grace_seconds']}",
        "output": directory / FOLDER / "slurm-%j.log",
    }
    head = "".join(f"#SBATCH --{name}={value}\n" for name, value in options.items() if value is not None)
    stop, node = shlex.quote(str(directory / "stop")), shlex.quote(str(directory / FOLDER / "node.sh"))
    return (
        f"#!/usr/bin/env bash\n{head}set -uo pipefail\n"
        # The submitting process is on another machine; a process that waited for it to die would die itself.
        "unset SECFT_PARENT_PID\n"
        'MASTER_ADDR=$(scontrol show hostnames "$SLURM_JOB_NODELIST" | head -n 1)\n'
        "export MASTER_ADDR\n"
        "# Slurm sends TERM before the time limit: all processes save one checkpoint together and leave.\n"
        f"trap 'touch {stop}' TERM\n"
        f"srun --kill-on-bad-exit=1 bash {node} &\n"
        "child=$!\n"
        'wait "$child"\ncode=$?\n'
        'while kill -0 "$child" 2>/dev/null; do wait "$child"; code=$?; done\n'
        'exit "$code"\n'
    )
