"""Open the executor that a configuration names."""

from __future__ import annotations

import importlib.util
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Protocol

from secft.config.schemas.executor import ExecutorConfig
from secft.environment import install_command
from secft.errors import Problem
from secft.executor import Executor
from secft.executor.cluster import RayExecutor
from secft.executor.local import LocalExecutor
from secft.lookup import pick


class _Closable(Executor, Protocol):
    def close(self) -> None: ...


EXECUTORS: Mapping[str, Callable[[ExecutorConfig], _Closable]] = {
    "local": lambda config: LocalExecutor(config.workers),
    "ray": lambda config: RayExecutor(config.workers, config.address),
}


@contextmanager
def open_executor(config: ExecutorConfig) -> Iterator[Executor]:
    """Open an executor, and end its processes when the block is left, Ctrl-C included.

    Raises:
        MissingExtraError: Ray is not installed.
        WorkerError: the cluster cannot be reached.
    """
    executor = pick(EXECUTORS, config.name, "executor.name")(config)
    try:
        yield executor
    finally:
        executor.close()


def problems(config: ExecutorConfig, key: str = "executor") -> list[Problem]:
    """Return what is missing on this machine, or contradicts itself."""
    if config.name == "ray" and importlib.util.find_spec("ray") is None:
        return [Problem(f"{key}.name", "needs Ray, which is not installed", "ray",
                        remedy=f"Install with: {install_command('ray')}.")]  # fmt: skip
    if config.name != "ray" and config.address is not None:
        return [Problem(f"{key}.address", "belongs to executor=ray", config.address, remedy="Add executor=ray.")]
    return []
