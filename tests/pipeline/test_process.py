from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from secft.process import Outcome, Worker, shared_worker

ROOT = Path(__file__).resolve().parents[2]
MEMORY = 256 << 20


def square(number: int) -> int:
    return number * number


def identity(_: Any) -> int:
    return os.getpid()


def task(what: str) -> Any:
    """Do what a hostile file would make a parser do."""
    if what == "sleep":
        time.sleep(60)
    if what == "fill":
        return len([bytearray(1 << 20) for _ in range(4096)])
    if what == "one large":
        return len(bytearray(8 << 30))
    if what.startswith("signal"):
        os.kill(os.getpid(), int(what.split()[1]))
    if what == "exit":
        os._exit(7)
    if what == "raise":
        raise ValueError("no such thing")
    if what == "unpicklable":
        return lambda: None
    if what == "print":
        print("noise")
    return os.getpid()


def alive(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0] != "Z"
    except FileNotFoundError:
        return False


def gone(pid: int, seconds: float = 10) -> bool:
    end = time.monotonic() + seconds
    while alive(pid) and time.monotonic() < end:
        time.sleep(0.05)
    return not alive(pid)


def run_apart(function: Callable[[Any], Any], item: Any, timeout: float, memory: int) -> Outcome[Any]:
    with Worker(function, timeout, memory) as worker:
        return worker.run(item)


def test_a_value_comes_back_from_another_process() -> None:
    assert run_apart(square, 7, 20, MEMORY) == Outcome(49)
    pid = run_apart(identity, None, 20, MEMORY).value
    assert pid
    assert pid != os.getpid()
    assert gone(pid)


def test_one_process_serves_many_items_fast() -> None:
    with Worker(square, 20, MEMORY) as worker:
        worker.run(0)
        start = time.monotonic()
        assert [worker.run(number).value for number in range(1000)] == [number * number for number in range(1000)]
        assert time.monotonic() - start < 5
    with Worker(identity, 20, MEMORY) as other:
        pids = {other.run(None).value for _ in range(5)}
        assert len(pids) == 1
    assert all(pid and gone(pid) for pid in pids)


@pytest.mark.parametrize(
    ("what", "failure", "detail"),
    [
        ("fill", "out_of_memory", "268,435,456"),
        ("one large", "out_of_memory", ""),
        (f"signal {signal.SIGSEGV}", "crashed", "SIGSEGV"),
        (f"signal {signal.SIGKILL}", "crashed", "SIGKILL"),
        ("exit", "crashed", "exit code 7"),
        ("raise", "failed", "ValueError: no such thing"),
        ("unpicklable", "failed", "pickle"),
    ],
)
def test_what_an_item_does_is_told_and_the_next_one_is_served(what: str, failure: str, detail: str) -> None:
    with Worker(task, 20, MEMORY) as worker:
        first = worker.run("print").value
        outcome = worker.run(what)
        assert (outcome.failure, outcome.value) == (failure, None)
        assert detail in outcome.detail
        after = worker.run("print")
        assert after.value
        assert (after.value == first) == (failure == "failed")


def test_a_time_out_ends_the_process() -> None:
    with Worker(task, 0.5, MEMORY) as worker:
        first = worker.run("go").value
        start = time.monotonic()
        assert worker.run("sleep").failure == "timed_out"
        assert time.monotonic() - start < 3
        assert gone(first)
        assert worker.run("go").value != first


def test_a_process_that_ended_between_items_is_replaced() -> None:
    with Worker(task, 20, MEMORY) as worker:
        first = worker.run("go").value
        os.kill(first, signal.SIGKILL)
        assert gone(first)
        assert worker.run("go").value not in (None, first)


def test_a_function_that_cannot_be_imported_is_told() -> None:
    outcome = run_apart(_foreign(), 1, 20, MEMORY)
    assert outcome.failure == "failed"
    assert "no_such_module" in outcome.detail


def _foreign() -> Any:
    def function(item: Any) -> Any:
        return item

    function.__module__, function.__qualname__ = "no_such_module", "function"
    module = type(sys)("no_such_module")
    module.function = function  # type: ignore[attr-defined]
    sys.modules["no_such_module"] = module
    return function


def test_callers_share_a_worker_and_threads_take_turns() -> None:
    assert shared_worker(square, 20, MEMORY) is shared_worker(square, 20, MEMORY)
    assert shared_worker(square, 21, MEMORY) is not shared_worker(square, 20, MEMORY)
    results: dict[int, int | None] = {}

    def work(start: int) -> None:
        for number in range(start, start + 50):
            results[number] = shared_worker(square, 20, MEMORY).run(number).value

    threads = [threading.Thread(target=work, args=(50 * index,)) for index in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    shared_worker(square, 20, MEMORY).close()
    assert results == {number: number * number for number in range(200)}


PROGRAM = """
import sys, threading
sys.path.insert(0, {root!r})
from secft.process import shared_worker
from tests.pipeline.test_process import task
worker = shared_worker(task, 60, 256 << 20)
print(worker.run("go").value, flush=True)
if sys.argv[1] == "work":
    worker.run("sleep")
"""


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGKILL, None], ids=str)
def test_no_child_is_left_behind(number: signal.Signals | None) -> None:
    """Ctrl-C, SIGTERM and SIGKILL in the middle of an item, and an exit without closing the worker."""
    program = [sys.executable, "-c", PROGRAM.format(root=str(ROOT)), "work" if number else "exit"]
    with subprocess.Popen(program, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True) as parent:
        assert parent.stdout
        pid = int(parent.stdout.readline())
        if number:
            assert alive(pid)
            time.sleep(0.3)
            parent.send_signal(number)
        parent.wait(20)
    assert gone(pid)
