"""Somebody besides the user who looks at a training while it runs, and may end it.

A sweep watches the validation losses of its jobs to stop the ones that lead nowhere. What runs in between (stages, the
work of a stage) does not need to know.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar

from secft.errors import SecftError
from secft.train.progress import StepProgress

Watcher = Callable[[StepProgress], None]
_WATCHERS: ContextVar[tuple[Watcher, ...]] = ContextVar("watchers", default=())


class StoppedByWatcher(SecftError):
    """A watcher ended a training before its time; a checkpoint was written, and the same job would go on from it."""


@contextmanager
def watching(watcher: Watcher) -> Iterator[None]:
    """Show every row of metrics.jsonl of the trainings in this context to a watcher.

    Args:
        watcher: called for each row; raises StoppedByWatcher to end the training.
    """
    token = _WATCHERS.set((*_WATCHERS.get(), watcher))
    try:
        yield
    finally:
        _WATCHERS.reset(token)


def show_watchers(progress: StepProgress) -> None:
    """Call the watchers of this context."""
    for watcher in _WATCHERS.get():
        watcher(progress)
