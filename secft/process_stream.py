"""Run a function that yields values on many hostile items, in one process of its own, each item within its own limits.

Values travel as they are made, so that this process can work on one while the next is made, and the process serves
item after item, so that a limit costs an ordinary item almost nothing. An item that goes beyond its limits ends the
process; the items behind it get another. Time is processor time: what is refused does not depend on what else the
machine does.
"""

from __future__ import annotations

import os
import pickle
import sys
import threading
import time
from collections.abc import Callable, Generator, Iterable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any, Generic, TypeVar

from secft.errors import InputError, SecftError, WorkerError
from secft.process import IDLE, ChildProcess, Outcome, failed, limit_memory, limit_time, memory_in_use, watched

Item = TypeVar("Item")
Value = TypeVar("Value")

_WAIT, _WAITED = 60.0, 10.0
"""Seconds of the clock for one step: so many, and so many times its processor time. A process may also hang."""
_PLAIN_MEMORY = {"ARROW_DEFAULT_MEMORY_POOL": "system"}
"""Allocators that reserve a gigabyte before they need it would meet the limit with nothing in it."""


@dataclass(frozen=True)
class LimitedItem(Generic[Item]):
    """What the function is given, and what it may use for it.

    Attributes:
        item: it can be pickled.
        seconds: of processor time.
        memory: bytes of address space beyond what the process occupies when it is idle.
        more_seconds: of processor time for each value that was yielded: work that gets on may go on.
    """

    item: Item
    seconds: float
    memory: int
    more_seconds: float = 0.0


@dataclass(frozen=True)
class _StreamOrder:
    """What a child is told: where it works, in what environment, and on what."""

    function: Callable[[Any], Iterable[Any]]
    items: Sequence[LimitedItem[Any]]
    directory: str
    environment: dict[str, str]


@dataclass
class _Place:
    """Where the work stands: number of the item, and how many of its values were yielded."""

    item: int = 0
    given: int = 0

    def next(self) -> None:
        """Go on to the next item."""
        self.item, self.given = self.item + 1, 0


_idle: dict[int, list[ChildProcess]] = {}
"""Id of this process -> its children without work; a fork has none."""
_lock = threading.Lock()


def stream_limited(
    function: Callable[[Item], Iterable[Value]], items: Sequence[LimitedItem[Item]]
) -> Iterator[tuple[int, Outcome[Value]]]:
    """Apply a function to items in another process and yield what it yields, in order.

    An item that a process did not survive which had worked on others gets a second try in a new one, so that the
    outcome does not depend on the order of items.

    Args:
        function: a function at the top of an importable module. Called again with the same item, it yields the same.
        items: what it is given.

    Yields:
        Number of the item from 0, and one of its values, or at its end why there are no more. What an item gave before
        it failed was yielded.

    Raises:
        SecftError: the function raised it.
        WorkerError: no process can be started.
    """
    place, alone = _Place(), False
    while place.item < len(items):
        first, (child, is_new) = place.item, _taken(alone)
        failure: Outcome[Any] | None = None
        try:
            failure = yield from _worked(child, function, items, place)
            if failure is None:
                _give_back(child)
                return
        finally:
            if failure is not None or place.item < len(items):
                child.end()
        alone = failure.failure in ("out_of_memory", "crashed") and not (is_new and place.item == first)
        if not alone:
            yield place.item, failure
            place.next()


def _worked(
    child: ChildProcess,
    function: Callable[[Item], Iterable[Value]],
    items: Sequence[LimitedItem[Item]],
    place: _Place,
) -> Generator[tuple[int, Outcome[Value]], None, Outcome[Value] | None]:
    """Work on the items from a place on; return what the child died of, None at the end of the items."""
    with suppress(OSError):
        child.talk.send(_StreamOrder(function, items[place.item :], str(Path.cwd()), dict(os.environ)))
    skipped = place.given
    while place.item < len(items):
        limits = items[place.item]
        child.max_memory = limits.memory
        seconds = limits.seconds + place.given * limits.more_seconds
        told: Outcome[Value] | SecftError | None = child.answer(_WAIT + _WAITED * seconds)
        if isinstance(told, SecftError):
            raise told
        if told is None:
            place.next()
            skipped = 0
        elif told.failure not in ("", "failed"):
            return told
        elif told.failure or not skipped:
            place.given += 1
            yield place.item, told
        else:
            skipped -= 1
    return None


def _taken(new: bool) -> tuple[ChildProcess, bool]:
    """Return a child, and whether it is a new one.

    Raises:
        WorkerError: it cannot be started.
    """
    with _lock:
        idle = _idle.get(os.getpid(), [])
        while idle and not new:
            child = idle.pop()
            if child.child.poll() is None:
                return child, False
            child.end()
    child = ChildProcess(0, __name__)
    started = child.start(None)
    if started.failure:
        child.end()
        raise WorkerError(f"A process to read input in cannot be started: {started.failure}, {started.detail}.")
    return child, True


def _give_back(child: ChildProcess) -> None:
    with _lock:
        _idle.setdefault(os.getpid(), []).append(child)


def serve(talk: int, lifeline: int) -> None:
    """Be the child: obey orders until there are none for a while."""
    connection = watched(talk, lifeline)
    with suppress(EOFError, OSError):
        connection.recv()
        connection.send(Outcome(memory_in_use()[1:]))
        occupied = 0
        while connection.poll(IDLE):
            limit_memory(sys.maxsize)
            try:
                order: _StreamOrder = connection.recv()
            except (ImportError, AttributeError, ValueError) as error:
                connection.send(Outcome(failure="crashed", detail=f"{type(error).__name__}: {error}"))
                break
            occupied = occupied or memory_in_use()[0]
            if not _obey(connection, order, occupied):
                break
    os._exit(0)


def _obey(connection: Connection, order: _StreamOrder, occupied: int) -> bool:
    """Work on the items of an order; return whether this process can take another."""
    os.chdir(order.directory)
    os.environ.clear()
    os.environ.update(order.environment | _PLAIN_MEMORY)
    for item in order.items:
        limit_memory(occupied + item.memory)
        start, seconds = time.process_time(), item.seconds
        limit_time(seconds, start)
        try:
            for value in order.function(item.item):
                connection.send(Outcome(value))
                seconds += item.more_seconds
                limit_time(seconds, start)
        except MemoryError:
            limit_memory(sys.maxsize)
            connection.send(Outcome(failure="out_of_memory", detail=f"limit {item.memory:,} bytes"))
            return False
        except SecftError as error:
            connection.send(_portable(error))
            return False
        except Exception as error:  # noqa: BLE001  # told to the parent process, whatever it is
            connection.send(failed(error))
        connection.send(None)
    return True


def _portable(error: SecftError) -> SecftError:
    """Return an error that can travel: itself, or one that says the same."""
    try:
        pickle.loads(pickle.dumps(error))  # noqa: S301  # made in the line itself
    except Exception:  # noqa: BLE001  # whatever its class makes of it
        return InputError(str(error))
    return error
