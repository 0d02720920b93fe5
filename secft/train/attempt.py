"""One start of an engine: its process, its signals, its progress, its end.

The runner runs in a process group of its own. Ctrl-C and SIGTERM are passed on, and the runner writes a checkpoint and
leaves. Nothing of it outlives the process that started it.
"""

from __future__ import annotations

import os
import signal
import subprocess
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import secft
from secft.errors import Interrupted
from secft.files import read_json
from secft.threads import wait_gently
from secft.train.metrics import is_event, read_metrics
from secft.train.progress import StepProgress, reporter
from secft.train.recovery import memory_kills
from secft.train.runners.facts import INTERRUPTED_EXIT, PARENT_VARIABLE
from secft.train.watching import StoppedByWatcher, show_watchers

POLL_SECONDS = 0.25
STOP_SECONDS = 120.0
"""How long a runner that is asked to stop may take for its checkpoint."""
MAX_TEXT = 1 << 20
"""Bytes at the end of what a runner printed that are looked at."""


@dataclass(frozen=True)
class RunnerEnd:
    """How one start of a runner ended.

    Attributes:
        command: what was started.
        code: exit code; negative is a signal.
        text: the end of what it printed.
        killed_for_memory: the system killed some process for want of memory in the meantime.
    """

    command: list[str]
    code: int
    text: str
    killed_for_memory: bool


def start(
    command: list[str],
    directory: Path,
    variables: Mapping[str, str] | None,
    on_progress: Callable[[StepProgress], None] | None,
) -> RunnerEnd:
    """Start a runner and follow it to its end.

    Args:
        command: the runner's command line.
        directory: of the run; receives ``engine.log``.
        variables: environment of the process; None is this process's, with this very secft on the path.
        on_progress: see ``secft.train.launch.run_training``.

    Raises:
        Interrupted: a signal stopped it.
        StoppedByWatcher: a watcher did.
    """
    log, kills = directory / "engine.log", memory_kills()
    offset = log.stat().st_size if log.exists() else 0
    environment = {**(variables or own_variables()), PARENT_VARIABLE: str(os.getpid())}
    wait_gently(environment)
    with log.open("ab") as output:
        process = subprocess.Popen(
            command,
            stdout=output,
            stderr=subprocess.STDOUT,
            stdin=subprocess.DEVNULL,
            start_new_session=True,
            env=environment,
        )
    with _forwarded_signals(process) as received, reporter(on_progress) as report:
        _follow_or_stop(process, directory, report)
    if received or process.returncode == INTERRUPTED_EXIT:
        raise Interrupted(f"training was stopped; start it again to go on from its last checkpoint ({directory})")
    with log.open("rb") as handle:
        handle.seek(max(offset, log.stat().st_size - MAX_TEXT))
        text = handle.read().decode("utf-8", errors="replace")
    return RunnerEnd(command, process.returncode, text, memory_kills() > kills)


def own_variables() -> dict[str, str]:
    """Return the environment of a runner that imports the same secft."""
    root = str(Path(secft.__file__).parent.parent)
    paths = [root, *filter(None, [os.environ.get("PYTHONPATH")])]
    return {**os.environ, "PYTHONPATH": os.pathsep.join(paths)}


@contextmanager
def _forwarded_signals(process: subprocess.Popen[bytes]) -> Iterator[list[int]]:
    """Pass SIGINT and SIGTERM on to the runner; outside the main thread signals cannot be caught and are not.

    On any other exception the runner's process group is killed, so that none is left behind.
    """
    received: list[int] = []

    def forward(number: int, _frame: Any) -> None:
        received.append(number)
        if process.poll() is None:
            os.killpg(process.pid, signal.SIGTERM)

    previous: dict[int, Any] = {}
    try:
        for number in (int(signal.SIGINT), int(signal.SIGTERM)):
            previous[number] = signal.signal(number, forward)
    except ValueError:
        pass
    try:
        yield received
    finally:
        if process.poll() is None:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()
        for number, handler in previous.items():
            signal.signal(number, handler)


def _follow_or_stop(process: subprocess.Popen[bytes], directory: Path, report: Callable[[StepProgress], None]) -> None:
    """Follow the runner; one that a watcher gave up writes a checkpoint first."""
    try:
        _follow(process, directory, report)
    except StoppedByWatcher:
        if process.poll() is None:
            os.killpg(process.pid, signal.SIGTERM)
            # A runner that does not leave in time is killed by the caller.
            with _timeout_ignored():
                process.wait(STOP_SECONDS)
        raise


@contextmanager
def _timeout_ignored() -> Iterator[None]:
    try:
        yield
    except subprocess.TimeoutExpired:
        return


def _follow(process: subprocess.Popen[bytes], directory: Path, report: Callable[[StepProgress], None]) -> None:
    """Report every new row of metrics.jsonl until the runner ends."""
    metrics, plan = directory / "metrics.jsonl", directory / "started.json"
    seen, total, first = 0, 0, 0
    began = time.monotonic()
    while True:
        ended = process.poll() is not None
        if not total and plan.is_file():
            started = read_json(plan)
            total, first = int(started["total_steps"]), int(started["resumed_step"])
            # Rows up to the checkpoint belong to an earlier attempt.
            seen = sum(row["step"] <= first for row in _steps(metrics))
            began = time.monotonic()
        if total:
            rows = _steps(metrics)
            for row in rows[seen:]:
                done = max(row["step"] - first, 1)
                remaining = (time.monotonic() - began) / done * (total - row["step"])
                progress = StepProgress.from_row(row, total, remaining)
                report(progress)
                show_watchers(progress)
            seen = len(rows)
        if ended:
            return
        time.sleep(POLL_SECONDS)


def _steps(metrics: Path) -> list[dict[str, Any]]:
    return [row for row in read_metrics(metrics) if not is_event(row)]
