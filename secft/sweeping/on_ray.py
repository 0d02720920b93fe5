"""The jobs of a sweep as tasks of Ray."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from hydra.core.hydra_config import HydraConfig
from hydra.core.singleton import Singleton
from hydra.core.utils import JobReturn, run_job, setup_globals
from hydra.types import HydraContext, TaskFunction
from omegaconf import DictConfig, open_dict

from secft.environment import install_command
from secft.errors import MissingExtraError, WorkerError

LOCAL = {"include_dashboard": False, "_node_ip_address": "127.0.0.1", "object_store_memory": 256 << 20}


@dataclass(frozen=True)
class Jobs:
    """What all jobs of a sweep share."""

    context: HydraContext
    task: TaskFunction
    config: DictConfig

    def run(self, overrides: Sequence[str], number: int, directory: str, singletons: Any) -> JobReturn:
        """Run one job in a worker, as if it ran where the sweep was started."""
        os.chdir(directory)
        setup_globals()
        Singleton.set_state(singletons)
        config = self.context.config_loader.load_sweep_config(self.config, list(overrides))
        with open_dict(config):
            config.hydra.job.id = f"{config.hydra.job.name}_{number}"
            config.hydra.job.num = number
        HydraConfig.instance().set_config(config)
        return run_job(
            hydra_context=self.context,
            task_function=self.task,
            config=config,
            job_dir_key="hydra.sweep.dir",
            job_subdir_key="hydra.sweep.subdir",
        )


def run_on_ray(
    jobs: Jobs, overrides: Sequence[Sequence[str]], first: int, address: str | None, resources: Mapping[str, float]
) -> Sequence[JobReturn]:
    """Run jobs at the same time and return what came of each, in order.

    Args:
        jobs: what they share.
        overrides: of each job.
        first: number of the first job.
        address: of a cluster; None starts one on this machine.
        resources: what a job is given: ``CPU``, ``GPU``.

    Raises:
        MissingExtraError: Ray is not installed.
        WorkerError: there is no cluster, or a worker died.
    """
    try:
        import ray
    except ModuleNotFoundError as error:
        raise MissingExtraError(f"hydra/launcher=secft_ray needs Ray: {install_command('ray')}") from error
    os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
    started_here = not ray.is_initialized()
    try:
        if started_here:
            ray.init(address=address or "local", configure_logging=False, **({} if address else LOCAL))
        # A job that dies with its worker is continued by the next call, not tried again blindly.
        task = ray.remote(num_cpus=resources["CPU"], num_gpus=resources["GPU"], max_retries=0)(_run)
        shared, singletons = ray.put(jobs), Singleton.get_state()
        place = str(Path.cwd())
        running = [
            task.remote(shared, texts, number, place, singletons) for number, texts in enumerate(overrides, first)
        ]
        returned: list[JobReturn] = ray.get(running)
        return returned
    except (ray.exceptions.RayError, ConnectionError) as error:
        raise WorkerError(f"hydra/launcher=secft_ray: {str(error).splitlines()[0]}") from error
    finally:
        if started_here and ray.is_initialized():
            ray.shutdown()


def _run(jobs: Jobs, overrides: Sequence[str], number: int, directory: str, singletons: Any) -> JobReturn:
    return jobs.run(overrides, number, directory, singletons)
