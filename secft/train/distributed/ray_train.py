"""Train on a Ray cluster: ``python -m secft.train.distributed.ray_train <directory>``.

Ray places one worker for each process and lets them meet; each runs trl on the job of the directory, which
lies on a disk that all machines share. The launcher's supervision is the same as for torchrun.
"""

from __future__ import annotations

import os
import shutil
import sys
from pathlib import Path
from typing import Any

import secft
from secft.train.distributed.commands import process_environment
from secft.train.distributed.settings import DistributedSettings
from secft.train.job import TrainJob
from secft.train.runners.facts import PARENT_VARIABLE


def main(argv: list[str]) -> int:
    """Train the job of a directory; return the exit code."""
    directory = Path(argv[0]).absolute()
    settings = TrainJob.read(directory / "job.json").distributed
    # Ray's workers are no children of this process.
    os.environ.pop(PARENT_VARIABLE, None)
    # Workers import the libraries while Ray waits for them; a minute is short for that on a busy machine.
    os.environ.setdefault("RAY_TRAIN_WORKER_GROUP_START_TIMEOUT_S", str(settings.timeout))
    _connect(settings)
    try:
        _trainer(settings, directory).fit()
    finally:
        # What Ray keeps about the run says nothing that the notes of the processes do not say.
        shutil.rmtree(directory / "ray", ignore_errors=True)
    return 0


def _connect(settings: DistributedSettings) -> None:
    import ray

    paths = [str(Path(secft.__file__).parent.parent), *filter(None, [os.environ.get("PYTHONPATH")])]
    variables = {**process_environment(settings), "PYTHONPATH": os.pathsep.join(paths)}
    arguments: dict[str, Any] = {"runtime_env": {"env_vars": variables}, "log_to_driver": True}
    if settings.ray_address:
        ray.init(address=settings.ray_address, **arguments)
    else:
        # One core more than there are processes: Ray counts the one that waits for them too.
        ray.init(
            address="local",
            num_cpus=settings.processes + 1,
            include_dashboard=False,
            _node_ip_address="127.0.0.1",
            **arguments,
        )


def _trainer(settings: DistributedSettings, directory: Path) -> Any:
    from ray.train import RunConfig, ScalingConfig
    from ray.train.torch import TorchConfig, TorchTrainer

    on_gpu = settings.device == "cuda"
    return TorchTrainer(
        train_rank,
        train_loop_config={"directory": str(directory)},
        scaling_config=ScalingConfig(num_workers=settings.world, use_gpu=on_gpu),
        torch_config=TorchConfig(backend="nccl" if on_gpu else "gloo", timeout_s=settings.timeout),
        run_config=RunConfig(name="secft", storage_path=str(directory / "ray")),
    )


def train_rank(settings: dict[str, str]) -> None:
    """Be one process of the training; Ray has told who this is and where the others are.

    Raises:
        RuntimeError: the runner did not end well; its note in the directory says why.
    """
    from secft.train.backends.trl import runner

    code = runner.main([settings["directory"]])
    if code:
        raise RuntimeError(f"the runner ended with exit code {code}")


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
