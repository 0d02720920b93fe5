"""Launch files: what every machine runs, and what Slurm is given."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from secft.config.schemas.distributed import SlurmConfig
from secft.files import plain
from secft.train.distributed.launch_files import launch_files, write_launch_files
from secft.train.distributed.settings import DistributedSettings

PROGRAM = ["-m", "secft.train.backends.trl.runner", "/shared/run 1"]


TWO_NODES = DistributedSettings("ddp", processes=4, nodes=2, address="10.0.0.5", port=29500, slurm=plain(SlurmConfig()))


def test_launch_files_of_each_strategy(tmp_path: Path) -> None:
    zero = launch_files(replace(TWO_NODES, strategy="deepspeed_zero3"), "python", PROGRAM, tmp_path, "bf16")
    assert set(zero) == {"node.sh", "deepspeed.json", "accelerate.yaml"}
    assert str(tmp_path / "launch" / "deepspeed.json") in zero["accelerate.yaml"]
    assert json.loads(zero["deepspeed.json"])["zero_optimization"]["stage"] == 3
    slurm = launch_files(replace(TWO_NODES, launcher="slurm", device="cuda"), "python", PROGRAM, tmp_path, "bf16")
    assert set(slurm) == {"node.sh", "accelerate.yaml", "train.sbatch"}
    assert "#SBATCH --gpus-per-node=4\n" in slurm["train.sbatch"]
    assert "--partition" not in slurm["train.sbatch"]


def fake_program(folder: Path, name: str, text: str) -> None:
    folder.mkdir(exist_ok=True)
    path = folder / name
    path.write_text(f"#!/usr/bin/env bash\n{text}\n")
    path.chmod(0o755)


@pytest.mark.parametrize("code", [0, 7])
def test_the_slurm_script_starts_every_machine_and_passes_its_end_on(code: int, tmp_path: Path) -> None:
    """srun and scontrol are stand-ins; the scripts themselves are run by bash."""
    programs, run = tmp_path / "bin", tmp_path / "the run"
    fake_program(programs, "scontrol", "echo node-a; echo node-b")
    fake_program(programs, "srun", 'for n in 0 1; do SLURM_NODEID=$n "${@:2}" || exit $?; done')
    fake_program(
        programs, "python-of-cluster", f'echo "$OMP_NUM_THREADS $SECFT_PARENT_PID $*" >> {tmp_path}/calls; exit {code}'
    )
    slurm = {**TWO_NODES.slurm, "cpus_per_process": 3, "time": "1:00:00"}
    settings = replace(TWO_NODES, launcher="slurm", slurm=slurm)
    write_launch_files(settings, "python-of-cluster", PROGRAM, run, "bf16")
    environment = {**os.environ, "PATH": f"{programs}:{os.environ['PATH']}", "SLURM_JOB_NODELIST": "node-[a-b]"}
    environment["SECFT_PARENT_PID"] = "1"
    environment.pop("OMP_NUM_THREADS", None)
    done = subprocess.run(["bash", str(run / "launch" / "train.sbatch")], env=environment, check=False)
    assert done.returncode == code
    calls = (tmp_path / "calls").read_text().splitlines()
    assert len(calls) == (2 if code == 0 else 1)
    for rank, call in enumerate(calls):
        assert call.startswith("3  -m secft.train.distributed.supervise")
        assert f"--node-rank {rank} " in call
        assert "--master-addr node-a " in call


def test_slurm_s_warning_asks_for_a_checkpoint(tmp_path: Path) -> None:
    programs, run = tmp_path / "bin", tmp_path / "run"
    fake_program(programs, "scontrol", "echo node-a")
    fake_program(programs, "srun", f"touch {tmp_path}/up; while [ ! -e {run}/stop ]; do sleep 0.05; done; exit 130")
    write_launch_files(replace(TWO_NODES, launcher="slurm"), "python", PROGRAM, run, "bf16")
    environment = {**os.environ, "PATH": f"{programs}:{os.environ['PATH']}", "SLURM_JOB_NODELIST": "x"}
    job = subprocess.Popen(["bash", str(run / "launch" / "train.sbatch")], env=environment)
    wait_for((tmp_path / "up").exists)
    job.send_signal(signal.SIGTERM)
    assert job.wait(20) == 130


def wait_for(condition: Callable[[], bool], seconds: float = 90) -> None:
    until = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < until, "waited too long"
        time.sleep(0.02)
