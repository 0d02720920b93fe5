"""A few threads that answer requests, and that never hold up the end of the process."""

from __future__ import annotations

import queue
import threading
from collections.abc import Callable
from concurrent.futures import Future
from types import TracebackType
from typing import Any, ParamSpec, TypeVar

P = ParamSpec("P")
T = TypeVar("T")


class Workers:
    """Threads of a pool whose leaving drops what waits and does not wait for what runs.

    The pool of concurrent.futures joins its threads at exit: after Ctrl-C a person would wait for the slowest server.
    """

    def __init__(self, count: int) -> None:
        self._tasks: queue.SimpleQueue[Callable[[], None] | None] = queue.SimpleQueue()
        self._leaving = threading.Event()
        self._count, self._threads = count, 0

    def __enter__(self) -> Workers:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._leaving.set()
        for _ in range(self._threads):
            self._tasks.put(None)

    def submit(self, call: Callable[P, T], *arguments: P.args, **named: P.kwargs) -> Future[T]:
        """Let a thread call; the future holds the result or the exception."""
        future: Future[T] = Future()

        def task() -> None:
            try:
                future.set_result(call(*arguments, **named))
            except BaseException as error:  # noqa: BLE001  # raised again where the result is asked for
                future.set_exception(error)

        self._tasks.put(task)
        if self._threads < self._count:
            self._threads += 1
            threading.Thread(target=self._work, name=f"llm-{self._threads}", daemon=True).start()
        return future

    def _work(self) -> Any:
        while (task := self._tasks.get()) is not None and not self._leaving.is_set():
            task()
