"""What the programs of runners have in common: exit codes, and leaving when a signal says so."""

from __future__ import annotations

import signal
import sys
from collections.abc import Callable
from contextlib import suppress
from typing import Any, Protocol

from secft.errors import SecftError
from secft.train.divergence import ROLLBACK_EXIT, RollbackWanted
from secft.train.runners.facts import INTERRUPTED_EXIT


class Stoppable(Protocol):
    """A training loop that looks, after each step, whether it is asked to stop."""

    stop_requested: bool


def exit_code(train: Callable[[], bool]) -> int:
    """Train, and return the exit code that the launching process understands.

    Args:
        train: trains to the end and returns True, or False if a signal stopped it after a checkpoint.
    """
    try:
        finished = train()
    except RollbackWanted:
        return ROLLBACK_EXIT
    except SecftError as error:
        print(f"error: {error}", file=sys.stderr, flush=True)
        return error.exit_code
    return 0 if finished else INTERRUPTED_EXIT


def stop_on_signals(loop: Stoppable) -> Callable[[], None]:
    """First signal: checkpoint after this step and leave. Second: leave at once.

    Returns:
        What puts the handlers back that there were before.
    """

    def handle(number: int, _frame: Any) -> None:
        if loop.stop_requested:
            raise SystemExit(128 + number)
        loop.stop_requested = True

    previous: dict[int, Any] = {}
    # Ray runs a runner in a thread, where signals cannot be caught: there the supervisor's file asks to stop.
    with suppress(ValueError):
        for number in (signal.SIGINT, signal.SIGTERM):
            previous[number] = signal.signal(number, handle)

    def restore() -> None:
        for number, handler in previous.items():
            signal.signal(number, handler)

    return restore
