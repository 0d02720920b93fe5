"""Run a function on hostile input in a process of its own, with a time limit and a memory limit.

A worker is a fresh interpreter, never a fork, so it may be started from any thread. It serves many items, because
starting one takes longer than most items do, and is replaced after one that it did not survive. It is no sandbox: it
keeps a bad file from stopping or filling this process, not code from reading the user's files.
"""

from __future__ import annotations

import math
import os
import signal
import subprocess
import sys
import threading
import time
import weakref
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from multiprocessing import Pipe
from multiprocessing.connection import Connection
from pathlib import Path
from types import TracebackType
from typing import Any, Generic, Literal, TypeVar

Item = TypeVar("Item")
Value = TypeVar("Value")
Failure = Literal["", "timed_out", "out_of_memory", "crashed", "failed"]

_START = 60.0
"""Seconds that a new process has for its imports; they do not count for the first item."""
IDLE = 60.0
"""Seconds after which a process without work ends; the next item starts another."""
_FULL = 0.8
"""A process that dies with this part of its memory in use is taken to have died of it."""

_PROGRAM = "import sys; sys.path[:] = {path!r}; from {module} import serve; serve({talk}, {lifeline})"


@dataclass(frozen=True)
class Outcome(Generic[Value]):
    """What became of one item.

    Attributes:
        value: what the function returned, None if it did not.
        failure: empty, ``timed_out``, ``out_of_memory``, ``crashed`` (by a signal) or ``failed`` (by an exception).
        detail: the signal's name, or the exception's class and text.
    """

    value: Value | None = None
    failure: Failure = ""
    detail: str = ""


class Worker(Generic[Item, Value]):
    """A process that applies one function to items, one after the other.

    Args:
        function: a function at the top of an importable module; its argument and its result can be pickled.
        timeout: seconds for one item.
        max_memory: bytes of address space for one item, beyond what the process occupies when it is idle.
    """

    def __init__(self, function: Callable[[Item], Value], timeout: float, max_memory: int) -> None:
        self.function = function
        self.timeout = timeout
        self.max_memory = max_memory
        self._process: ChildProcess | None = None
        self._turn = threading.Lock()

    def __enter__(self) -> Worker[Item, Value]:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.close()

    def run(self, item: Item) -> Outcome[Value]:
        """Apply the function to an item, in a process that survived the items before.

        A process that ran out of memory or crashed may have done so because of earlier items: then the item gets a
        second try in a new one, so that the outcome does not depend on the order of items.
        """
        with self._turn:
            used = self._process is not None
            outcome: Outcome[Value] = self._once(item)
            if used and outcome.failure in ("out_of_memory", "crashed"):
                outcome = self._once(item)
            return outcome

    def close(self) -> None:
        """End the process; the worker can be used again and then starts another."""
        if self._process is not None:
            self._process.end()
            self._process = None

    def _once(self, item: Item) -> Outcome[Value]:
        try:
            if self._process is None:
                self._process = ChildProcess(self.max_memory)
                started = self._process.start((self.function, self.timeout, self.max_memory))
                if started.failure:
                    self.close()
                    return started
            outcome: Outcome[Value] = self._process.ask(item, self.timeout)
        except BaseException:
            self.close()
            raise
        if outcome.failure not in ("", "failed"):
            self.close()
        return outcome


_shared: dict[tuple[int, Callable[[Any], Any], float, int], Worker[Any, Any]] = {}


def shared_worker(function: Callable[[Item], Value], timeout: float, max_memory: int) -> Worker[Item, Value]:
    """Return the one worker of this process for a function and its limits, so that callers apart share it."""
    key = (os.getpid(), function, timeout, max_memory)
    return _shared.setdefault(key, Worker(function, timeout, max_memory))


class ChildProcess:
    """One child: started, asked, ended. It ends by itself when this process is gone, however that came about.

    Args:
        max_memory: bytes beyond those of the idle child from which its end is taken to be one for lack of memory.
        module: where the function ``serve(talk, lifeline)`` stands that is the child.
    """

    def __init__(self, max_memory: int, module: str = "secft.process") -> None:
        self.max_memory = max_memory
        self.talk, theirs = Pipe()
        lifeline, held = os.pipe()
        program = _PROGRAM.format(path=sys.path, module=module, talk=theirs.fileno(), lifeline=lifeline)
        try:
            self.child = subprocess.Popen(
                [sys.executable, "-c", program],
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
                pass_fds=(theirs.fileno(), lifeline),
                start_new_session=True,
            )
        except BaseException:
            os.close(held)
            raise
        finally:
            theirs.close()
            os.close(lifeline)
        self.end = weakref.finalize(self, _end, os.getpid(), self.child, self.talk, held)
        self.resident = self.peak_before = 0

    def start(self, told: Any) -> Outcome[Any]:
        """Send what the child needs to know and wait until it is ready; say why it is not."""
        with suppress(OSError):
            self.talk.send(told)
        ready = self.answer(_START)
        if not ready.failure:
            self.resident, self.peak_before = ready.value or (0, 0)
        return ready

    def ask(self, item: Any, timeout: float) -> Outcome[Any]:
        """Send an item and wait for its outcome; the process may be gone afterwards."""
        with suppress(OSError):
            self.talk.send(item)
        return self.answer(timeout)

    def answer(self, timeout: float) -> Outcome[Any]:
        """Wait for an outcome, for so many seconds."""
        try:
            if self.talk.poll(timeout):
                outcome: Outcome[Any] = self.talk.recv()
                return outcome
        except (EOFError, OSError):
            return self.death()
        return Outcome(failure="timed_out", detail=f"after {timeout:g} s")

    def death(self) -> Outcome[Any]:
        """Say what an ended process died of: memory if its peak rose to the limit, else a crash.

        The kernel counts the peak of the process that started it too, as ``peak_before``; below that nothing is known.
        """
        try:
            _, status, usage = os.wait4(self.child.pid, 0)
        except ChildProcessError:
            return Outcome(failure="crashed", detail="for an unknown reason")
        code = self.child.returncode = os.waitstatus_to_exitcode(status)
        if code == -signal.SIGXCPU:
            return Outcome(failure="timed_out", detail="its processor time is used up")
        peak = usage.ru_maxrss * 1024
        if peak > self.peak_before and peak - self.resident >= self.max_memory * _FULL:
            return Outcome(failure="out_of_memory", detail=f"limit {self.max_memory:,} bytes")
        return Outcome(failure="crashed", detail=signal.Signals(-code).name if code < 0 else f"exit code {code}")


def _end(owner: int, child: subprocess.Popen[bytes], talk: Connection, held: int) -> None:
    """Kill a child and release what belongs to it; does nothing in a fork of the process that started it."""
    if os.getpid() != owner:
        return
    with suppress(OSError):
        talk.close()
    os.close(held)
    if child.poll() is None:
        child.kill()
        child.wait()


def watched(talk: int, lifeline: int) -> Connection:
    """Return a child's connection; from now on the child ends with the process that started it."""
    threading.Thread(target=_watch, args=(lifeline,), daemon=True).start()
    return Connection(talk)


def serve(talk: int, lifeline: int) -> None:
    """Be the child: read the function, then answer items until there are none for a while."""
    connection = watched(talk, lifeline)
    try:
        function, timeout, max_memory = connection.recv()
        occupied, resident, peak = memory_in_use()
        limit_memory(occupied + max_memory)
        connection.send(Outcome((resident, peak)))
    except Exception as error:  # noqa: BLE001  # told to the parent process, whatever it is
        connection.send(failed(error))
    else:
        with suppress(EOFError):
            while connection.poll(IDLE) and _answer(connection, function, timeout, max_memory):
                pass
    os._exit(0)


def _answer(connection: Connection, function: Callable[[Any], Any], timeout: float, max_memory: int) -> bool:
    """Answer one item; return whether this process can take another."""
    item = connection.recv()
    limit_time(timeout + 5)
    try:
        connection.send(Outcome(function(item)))
    except MemoryError:
        connection.send(Outcome(failure="out_of_memory", detail=f"limit {max_memory:,} bytes"))
        return False
    except Exception as error:  # noqa: BLE001  # told to the parent process, whatever it is
        connection.send(failed(error))
    return True


def failed(error: Exception) -> Outcome[Any]:
    """Return what is told of an exception."""
    return Outcome(failure="failed", detail=f"{type(error).__name__}: {error}")


def _watch(lifeline: int) -> None:
    """End this process when the other end of the pipe is closed: whoever asked is gone."""
    os.read(lifeline, 1)
    os._exit(1)


def memory_in_use() -> tuple[int, int, int]:
    """Return bytes of address space and of memory in use, and the peak that the kernel has on record.

    Systems without /proc count from zero.
    """
    occupied, resident, peak = 0, 0, 0
    with suppress(ImportError, OSError, ValueError):
        import resource

        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
        statm = Path("/proc/self/statm")
        if statm.exists():
            occupied, resident = (int(pages) * resource.getpagesize() for pages in statm.read_text().split()[:2])
    return occupied, resident, peak


def limit_memory(most: int) -> None:
    """Bound the address space of this process, and let it leave no core file; nothing where there is no RLIMIT_AS."""
    with suppress(ImportError, OSError, ValueError):
        import resource

        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
        hard = resource.getrlimit(resource.RLIMIT_AS)[1]
        resource.setrlimit(resource.RLIMIT_AS, (most if hard == resource.RLIM_INFINITY else min(most, hard), hard))


def limit_time(seconds: float, since: float | None = None) -> None:
    """Bound the processor time of what comes next; the kernel ends this process when it is used up.

    Args:
        seconds: how much may be used.
        since: from when on, in processor time of this process; from now on without it.
    """
    with suppress(ImportError, OSError, ValueError):
        import resource

        most = math.ceil((time.process_time() if since is None else since) + seconds)
        resource.setrlimit(resource.RLIMIT_CPU, (most, resource.RLIM_INFINITY))
