"""Launching a training, again where another attempt can succeed, and explaining where none can.

Starting the same job in the same directory again goes on from its last checkpoint. A finished directory is not trained
twice. What is changed between attempts stands in recovery.py.
"""

from __future__ import annotations

import shutil
import signal
import sys
from collections.abc import Callable
from pathlib import Path

from secft.documents.train_result import TrainResult
from secft.errors import InputError, StorageError, TrainingError
from secft.files import read_json, write_json
from secft.train.attempt import RunnerEnd, own_variables, start
from secft.train.backends.backend import Backend
from secft.train.divergence import DIVERGED
from secft.train.job import TrainJob
from secft.train.progress import StepProgress
from secft.train.recovery import RecoveryState, described, last_step, memory_reason, record
from secft.train.result import RESULT

LOG_LINES = 25
FULL_DISK = ("No space left on device", "Disk quota exceeded")
FULL_BELOW = 1 << 20
"""Bytes; with less than this free, a failed write is a full disk, whatever a library calls it."""
FAILED_WRITES = ("file write failed", "PytorchStreamWriter failed", "SafetensorError", "OSError")
DAMAGED = " is damaged"
"""What stands in the line with which kept files are refused that changed since they were written."""
LIKELY_CAUSES = (
    ("Permission denied", "a file or directory may not be read or written"),
    ("ModuleNotFoundError", "a library of the runner is missing; install the extra secft[train]"),
)


def run_training(
    job: TrainJob,
    backend: Backend[TrainJob],
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
        StorageError: the disk is full; the last checkpoint is kept.
        TrainingError: the runner failed.
        Interrupted: a signal stopped the training; a checkpoint was written if a step was done.
        StoppedByWatcher: a watcher ended it (see watching.py).
    """
    job.check()
    directory.mkdir(parents=True, exist_ok=True)
    state = RecoveryState.read(directory, job)
    path = directory / RESULT
    if not path.is_file() or read_json(path).get("job_digest") != job.fingerprint():
        backend.prepare(_say)
        state = _train_to_the_end(job, backend, directory, state, on_progress)
    if state.events and path.is_file():
        # A runner knows only of its own attempt.
        write_json(path, {**read_json(path), "recoveries": list(state.events)})
    return backend.collect(directory)


def _train_to_the_end(
    job: TrainJob,
    backend: Backend[TrainJob],
    directory: Path,
    state: RecoveryState,
    on_progress: Callable[[StepProgress], None] | None,
) -> RecoveryState:
    """Start the runner until it succeeds; change what can be changed in between."""
    while True:
        for name in (RESULT, "started.json", DIVERGED):
            (directory / name).unlink(missing_ok=True)
        backend.render(state.applied_to(job), directory)
        variables = {**(backend.environment(directory) or own_variables()), **job.distributed.variables()}
        attempt = start(backend.command(directory), directory, variables, on_progress)
        _tell_damage(attempt.text)
        if attempt.code == 0:
            return state
        following = state.after(job, directory, attempt.code, attempt.text, attempt.killed_for_memory)
        if following is None:
            explain_end(attempt, directory)
        else:
            state = following
            state.write(directory)
            record(directory, state.events[-1])
            _say(described(state.events[-1]))


def _tell_damage(log: str) -> None:
    """Tell on the console what the runner found damaged, which is otherwise read in its log only."""
    for line in dict.fromkeys(log.splitlines()):
        if DAMAGED in line:
            _say(line.strip())


def _say(text: str) -> None:
    print(f"train: {text}", file=sys.stderr, flush=True)


def explain_end(attempt: RunnerEnd, directory: Path) -> None:
    """Turn the runner's end into an error.

    Raises:
        InputError: the runner itself found the input at fault (exit code 2).
        StorageError: the disk is full.
        TrainingError: anything else.
    """
    lines, log = attempt.text.splitlines(), directory / "engine.log"
    if attempt.code == InputError.exit_code:
        message = next((line for line in reversed(lines) if line.startswith("error: ")), "error: see the log")
        raise InputError(f"{message.removeprefix('error: ')} (log: {log})")
    if _disk_is_full(attempt, directory):
        raise StorageError(
            f"{directory}: cannot be written: no space is left on the disk. Free some space or choose another place; "
            f"the same command continues {_from_where(directory)} (log: {log})"
        )
    cause = _likely_cause(attempt)
    raise TrainingError(
        f"training failed with exit code {attempt.code}\n"
        f"  command: {' '.join(attempt.command)}\n"
        + (f"  likely cause: {cause}\n" if cause else "")
        + f"  the same command continues {_from_where(directory)}\n"
        + f"  log: {log}\n  last lines:\n"
        + "\n".join(f"    {line}" for line in lines[-LOG_LINES:])
    )


def _likely_cause(attempt: RunnerEnd) -> str:
    memory = memory_reason(attempt.code, attempt.text, attempt.killed_for_memory)
    if memory:
        return f"{memory} with a micro batch of one row; lower trainer.max_length or use trainer=qlora"
    if attempt.code == -signal.SIGKILL:
        return "somebody killed it; the system counted no kill for want of memory"
    return next((cause for marker, cause in LIKELY_CAUSES if marker in attempt.text), "")


def _disk_is_full(attempt: RunnerEnd, directory: Path) -> bool:
    """Tell a full disk by what the runner wrote or, where its log had no room either, by its silence."""
    if any(marker in attempt.text for marker in FULL_DISK):
        return True
    silent = attempt.code > 0 and not attempt.text.strip()
    failed_write = any(marker in attempt.text for marker in FAILED_WRITES)
    return (silent or failed_write) and shutil.disk_usage(directory).free < FULL_BELOW


def _from_where(directory: Path) -> str:
    step = last_step(directory / "checkpoints")
    return f"from the checkpoint of step {step}" if step else "from the beginning"
