"""Shards in processes of this machine."""

from __future__ import annotations

import multiprocessing
import os
import signal
import threading
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from contextlib import suppress
from itertools import islice
from typing import TypeVar

from secft.errors import WorkerError
from secft.log import warn

T = TypeVar("T")
R = TypeVar("R")

AHEAD = 2
"""Items handed out per worker: one that it works on, and one that waits for it."""

DEATHS = 3
"""So many deaths of workers, one after the other, and an item is given up."""


class LocalExecutor:
    """A pool of processes that starts with the first work for more than one of them.

    A worker that dies (killed, out of memory) is replaced, and what was under way is worked on again.
    """

    def __init__(self, workers: int | None = None) -> None:
        self.workers = workers or len(os.sched_getaffinity(0))
        self._pool: ProcessPoolExecutor | None = None

    def map(self, work: Callable[[T], R], items: Iterable[T]) -> Iterator[R]:
        """See secft.executor.Executor.

        Raises:
            WorkerError: workers died again and again over the same item.
        """
        source = iter(items)
        head = list(islice(source, 2))
        if self.workers == 1 or len(head) < 2:
            yield from map(work, head)
            yield from map(work, source)
            return
        waiting: deque[T] = deque(head)
        under_way: deque[tuple[T, Future[R]]] = deque()
        deaths = 0
        while waiting or under_way:
            waiting.extend(islice(source, self.workers * AHEAD - len(under_way) - len(waiting)))
            try:
                while waiting and len(under_way) < self.workers * AHEAD:
                    future = self._started().submit(work, waiting[0])
                    under_way.append((waiting.popleft(), future))
                result = under_way[0][1].result()
            except BrokenProcessPool:
                deaths += 1
                self.close()
                if deaths >= DEATHS:
                    raise WorkerError(
                        f"a worker process died {deaths} times over the same work; it may need more memory: try "
                        "executor.workers=1 or a smaller executor.shard_size."
                    ) from None
                warn("a worker process died; its work is done again")
                waiting.extendleft(item for item, _ in reversed(under_way))
                under_way.clear()
                continue
            deaths = 0
            under_way.popleft()
            yield result

    def close(self) -> None:
        """End the processes; work that is under way is lost."""
        pool, self._pool = self._pool, None
        if pool is None:
            return
        processes = list((pool._processes or {}).values())  # the pool has no public way to end what hangs
        pool.shutdown(wait=False, cancel_futures=True)
        for process in processes:
            with suppress(OSError, ValueError):
                process.terminate()
        for process in processes:
            process.join()

    def _started(self) -> ProcessPoolExecutor:
        if self._pool is None:
            # A forked child would inherit locks that another thread holds.
            context = multiprocessing.get_context("spawn")
            self._pool = ProcessPoolExecutor(self.workers, context, initializer=_begin)
        return self._pool


def _begin() -> None:
    """Leave Ctrl-C to the parent, and end with it."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    threading.Thread(target=_end_with_parent, daemon=True).start()


def _end_with_parent() -> None:
    """A killed parent closes no pipe of the pool: its children hold the other ends themselves."""
    parent = multiprocessing.parent_process()
    if parent is not None:
        parent.join()
        os._exit(1)
