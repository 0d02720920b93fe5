"""Launching a training engine: its process, its progress, its end.

The engine runs in a process group of its own. Ctrl-C and SIGTERM are passed on,
and the engine writes a checkpoint and leaves; starting the same job in the same
directory again goes on from there. A finished directory is not trained twice.
"""

from __future__ import annotations

import os
import signal
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import secft
from secft.errors import InputError, Interrupted, TrainingError
from secft.files import read_json
from secft.train.backends.backend import Backend
from secft.train.job import TrainJob, TrainResult
from secft.train.metrics import read_metrics
from secft.train.progress import StepProgress, reporter

POLL_SECONDS = 0.25
INTERRUPTED_EXIT = 130
LOG_LINES = 25
LIKELY_CAUSES = (
    ("No space left on device", "the disk is full"),
    ("MemoryError", "the machine ran out of memory; lower trainer.micro_batch or trainer.max_length"),
    ("CUDA out of memory", "the GPU ran out of memory; lower trainer.micro_batch or use trainer=qlora"),
    ("DefaultCPUAllocator: can't allocate memory", "the machine ran out of memory; lower trainer.micro_batch"),
    ("Permission denied", "a file or directory may not be read or written"),
    ("ModuleNotFoundError", "a library of the engine is missing; install the extra secft[train]"),
)


def run_training(
    job: TrainJob,
    backend: Backend,
    directory: Path,
    on_progress: Callable[[StepProgress], None] | None = None,
) -> TrainResult:
    """Train a job in a directory, going on from its last checkpoint if there is one.

    Args:
        job: what to train.
        backend: what trains it.
        directory: holds job, log, metrics, checkpoints, adapter and result.
        on_progress: called for every new row of metrics.jsonl; None shows a progress bar on a terminal and
            plain lines elsewhere.

    Returns:
        The result; a directory that already holds the result of this very job is not trained again.

    Raises:
        InputError: the job cannot be trained as it is (bad data, bad settings).
        TrainingError: the engine failed.
        Interrupted: a signal stopped the training; a checkpoint was written if a step was done.
    """
    job.check()
    directory.mkdir(parents=True, exist_ok=True)
    if _is_finished(job, directory):
        return backend.collect(directory)
    for name in ("result.json", "started.json"):
        (directory / name).unlink(missing_ok=True)
    backend.render(job, directory)
    command, log = backend.command(directory), directory / "engine.log"
    offset = log.stat().st_size if log.exists() else 0
    with log.open("ab") as output:
        process = subprocess.Popen(
            command,
            stdout=output,
            stderr=subprocess.STDOUT,
            stdin=subprocess.DEVNULL,
            start_new_session=True,
            env=_environment(),
        )
    with _forwarded_signals(process) as received, reporter(on_progress) as report:
        _follow(process, directory, report)
    if received or process.returncode == INTERRUPTED_EXIT:
        raise Interrupted(f"training was stopped; start it again to go on from its last checkpoint ({directory})")
    if process.returncode != 0:
        _fail(command, process.returncode, log, offset)
    return backend.collect(directory)


def _is_finished(job: TrainJob, directory: Path) -> bool:
    path = directory / "result.json"
    return path.is_file() and bool(read_json(path).get("job_digest") == job.fingerprint())


def _environment() -> dict[str, str]:
    """The engine imports the same secft, and knows whose child it is."""
    root = str(Path(secft.__file__).parent.parent)
    paths = [root, *filter(None, [os.environ.get("PYTHONPATH")])]
    return {**os.environ, "PYTHONPATH": os.pathsep.join(paths), "SECFT_PARENT_PID": str(os.getpid())}


@contextmanager
def _forwarded_signals(process: subprocess.Popen[bytes]) -> Iterator[list[int]]:
    """Pass SIGINT and SIGTERM on to the engine; outside the main thread signals cannot be caught and are not.

    On any other exception the engine's process group is killed, so that none is left behind.
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


def _follow(process: subprocess.Popen[bytes], directory: Path, report: Callable[[StepProgress], None]) -> None:
    """Report every new row of metrics.jsonl until the engine ends."""
    metrics, plan = directory / "metrics.jsonl", directory / "started.json"
    seen, total, first = 0, 0, 0
    began = time.monotonic()
    while True:
        ended = process.poll() is not None
        if not total and plan.is_file():
            started = read_json(plan)
            total, first = int(started["total_steps"]), int(started["resumed_step"])
            # Rows up to the checkpoint belong to an earlier attempt.
            seen = sum(row["step"] <= first for row in read_metrics(metrics))
            began = time.monotonic()
        if total:
            rows = read_metrics(metrics)
            for row in rows[seen:]:
                done = max(row["step"] - first, 1)
                remaining = (time.monotonic() - began) / done * (total - row["step"])
                report(StepProgress.from_row(row, total, remaining))
            seen = len(rows)
        if ended:
            return
        time.sleep(POLL_SECONDS)


def _fail(command: list[str], code: int, log: Path, offset: int) -> None:
    """Turn the engine's end into an error.

    Raises:
        InputError: the engine itself found the input at fault (exit code 2).
        TrainingError: anything else.
    """
    with log.open("rb") as handle:
        handle.seek(offset)
        lines = handle.read().decode("utf-8", errors="replace").splitlines()
    if code == InputError.exit_code:
        message = next((line for line in reversed(lines) if line.startswith("error: ")), "error: see the log")
        raise InputError(f"{message.removeprefix('error: ')} (log: {log})")
    text = "\n".join(lines)
    cause = next((cause for marker, cause in LIKELY_CAUSES if marker in text), "")
    if code == -signal.SIGKILL:
        cause = "the system killed it, most likely because memory ran out; lower trainer.micro_batch"
    raise TrainingError(
        f"training failed with exit code {code}\n"
        f"  command: {' '.join(command)}\n"
        + (f"  likely cause: {cause}\n" if cause else "")
        + f"  log: {log}\n  last lines:\n"
        + "\n".join(f"    {line}" for line in lines[-LOG_LINES:])
    )
