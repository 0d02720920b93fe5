"""Shards on a Ray cluster: the one at an address, or one of several processes on this machine."""

from __future__ import annotations

import os
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from itertools import islice
from pathlib import Path
from typing import Any, TypeVar

from secft.environment import install_command
from secft.errors import MissingExtraError, WorkerError

T = TypeVar("T")
R = TypeVar("R")

AHEAD = 2
RETRIES = 5
"""How often a task is run again whose worker or machine died."""


CANCEL_AFTER = 0.5
"""Seconds that work under way has to end by itself."""


class RayExecutor:
    """Runs every item as a Ray task; Ray runs it again if its worker dies.

    Machines of a cluster need secft and its packages installed, and must see the same files under the same paths:
    shards are written where the run keeps them, not sent over the network.
    """

    def __init__(self, workers: int | None = None, address: str | None = None) -> None:
        self._ray = _ray()
        self._own = not self._ray.is_initialized()
        if self._own:
            self._connect(workers, address)
        self.workers = workers or max(1, int(self._ray.cluster_resources().get("CPU", 1)))

    def _connect(self, workers: int | None, address: str | None) -> None:
        options: dict[str, Any] = {"log_to_driver": False, "logging_level": "error", "namespace": "secft"}
        if address is None:
            options |= {
                "num_cpus": workers or len(os.sched_getaffinity(0)),
                "include_dashboard": False,
                "_node_ip_address": "127.0.0.1",
                "object_store_memory": 256 << 20,
            }
        try:
            self._ray.init(address=address or "local", **options)
        except Exception as error:  # Ray raises many kinds; all of them mean that there is no cluster
            place = address or "a cluster on this machine"
            raise WorkerError(f"executor=ray: {place} cannot be used: {str(error).splitlines()[0]}") from error

    def map(self, work: Callable[[T], R], items: Iterable[T]) -> Iterator[R]:
        """See secft.executor.Executor.

        Raises:
            WorkerError: workers died again and again over the same item.
        """
        directory = str(Path.cwd())
        task = self._ray.remote(max_retries=RETRIES, num_cpus=1)(_in_directory)
        source = iter(items)
        under_way: deque[Any] = deque()
        try:
            while True:
                more = islice(source, self.workers * AHEAD - len(under_way))
                under_way.extend(task.remote(directory, work, item) for item in more)
                if not under_way:
                    return
                yield self._result(under_way[0])
                under_way.popleft()
        finally:
            self._cancel(list(under_way))

    def _cancel(self, references: list[Any]) -> None:
        """Cancel what has not ended; quick work is waited for.

        Ray 2 ends this process ("Tried to complete task that was not pending") where a task is cancelled as it ends.
        """
        if references:
            _, pending = self._ray.wait(references, num_returns=len(references), timeout=CANCEL_AFTER)
            for reference in pending:
                self._ray.cancel(reference, force=False)

    def _result(self, reference: Any) -> Any:
        try:
            return self._ray.get(reference)
        except self._ray.exceptions.RayTaskError as error:
            raise (error.cause or error) from None
        except self._ray.exceptions.RayError as error:
            raise WorkerError(f"executor=ray: {str(error).splitlines()[0]}") from None

    def close(self) -> None:
        """Leave the cluster; one that was started here ends."""
        if self._own and self._ray.is_initialized():
            self._ray.shutdown()


def _in_directory(directory: str, work: Callable[[T], R], item: T) -> R:
    """Work where the run was started: paths of a configuration are relative to it."""
    if Path(directory).is_dir():
        os.chdir(directory)
    return work(item)


def _ray() -> Any:
    os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
    os.environ.setdefault("RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO", "0")
    try:
        import ray
    except ImportError:
        raise MissingExtraError(f"executor=ray needs Ray: {install_command('ray')}") from None
    return ray
