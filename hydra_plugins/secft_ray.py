"""hydra/launcher=secft_ray. Hydra takes plugins only from this namespace; what they do is in ``secft/sweeping``."""

from __future__ import annotations

from collections.abc import Sequence

from hydra.core.utils import JobReturn
from hydra.plugins.launcher import Launcher
from hydra.types import HydraContext, TaskFunction
from omegaconf import DictConfig


class RayLauncher(Launcher):
    """Runs the jobs of a multirun as tasks of Ray."""

    def __init__(self, address: str | None = None, cpus: float = 1, gpus: float = 0) -> None:
        """Remember where and with what.

        Args:
            address: of a running cluster; None starts one on this machine.
            cpus: cores that a job is given.
            gpus: devices that a job is given.
        """
        self.address, self.cpus, self.gpus = address, cpus, gpus

    def setup(self, *, hydra_context: HydraContext, task_function: TaskFunction, config: DictConfig) -> None:
        """Remember what is to be run."""
        self.hydra_context, self.task_function, self.config = hydra_context, task_function, config

    def launch(self, job_overrides: Sequence[Sequence[str]], initial_job_idx: int) -> Sequence[JobReturn]:
        """Run jobs at the same time, as many as the cluster has room for."""
        from secft.sweeping.on_ray import Jobs, run_on_ray

        jobs = Jobs(self.hydra_context, self.task_function, self.config)
        return run_on_ray(jobs, job_overrides, initial_job_idx, self.address, {"CPU": self.cpus, "GPU": self.gpus})
