"""Runs a checkout's train.py: ``python -m secft.train.backends.nanogpt.checkout_runner <directory>``.

The directory holds a job.json. It leaves what the embedded trainer leaves. A run that was stopped goes on from
nanoGPT's own last checkpoint.
"""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from secft.errors import InputError, TrainingError
from secft.files import write_json, write_text
from secft.train.backends.nanogpt.checkout import CHECKPOINT, OUT, LogParser, command, read_checkpoint, render
from secft.train.backends.nanogpt.job import PretrainJob
from secft.train.backends.nanogpt.runner import LIBRARIES, save_model
from secft.train.checkpoints import keep_rows_until
from secft.train.metrics import final_train_loss, read_metrics
from secft.train.process_setup import prepare
from secft.train.program import exit_code
from secft.train.runners.facts import die_with_parent, library_versions, peak_memory_gib

WORK, OWNER = "nanogpt", "job_digest"


def main(argv: list[str]) -> int:
    """Run the job of a directory; return the exit code."""
    die_with_parent()
    directory = Path(argv[0])
    job = PretrainJob.read(directory / "job.json")
    prepare(offline=True, threads=job.threads)
    return exit_code(lambda: train(job, directory))


def train(job: PretrainJob, directory: Path) -> bool:
    """Train to the end or to an interruption; return False for the latter.

    Raises:
        InputError: checkout or data cannot be used.
        TrainingError: train.py failed, or left no checkpoint.
    """
    job.check()
    work, digest = directory / WORK, job.fingerprint()
    render(job, work)
    first = _resumable(work, digest)
    metrics = directory / "metrics.jsonl"
    keep_rows_until(metrics, first if first else -1)
    write_text(work / OWNER, digest)
    write_json(directory / "started.json", {"total_steps": job.max_iters, "resumed_step": first, "engine": "nanogpt"})
    code, stopped, parser = _run(job, work, metrics, first)
    if stopped:
        return False
    if code != 0:
        raise TrainingError(f"nanoGPT's train.py ended with exit code {code}; see the lines above")
    model, steps = read_checkpoint(work / OUT / CHECKPOINT)
    saved = save_model(model, directory, Path(job.data_dir))
    result = _result(job, metrics, parser, model, steps)
    write_json(directory / "result.json", {**result, "adapter_dir": saved, "job_digest": digest})
    return True


def _resumable(work: Path, digest: str) -> int:
    """Return the steps of a checkpoint of this very job, or 0 after removing what cannot be used."""
    path, owner = work / OUT / CHECKPOINT, work / OWNER
    if path.is_file() and owner.is_file() and owner.read_text(encoding="utf-8") == digest:
        try:
            return read_checkpoint(path)[1]
        except InputError:
            pass  # killed while it was written
    shutil.rmtree(work / OUT, ignore_errors=True)
    return 0


def _run(job: PretrainJob, work: Path, metrics: Path, first: int) -> tuple[int, bool, LogParser]:
    """Start train.py, pass its lines on and keep their numbers."""
    tokens = (Path(job.data_dir) / "train.bin").stat().st_size // 2
    parser = LogParser(job, tokens, max((row.get("seconds", 0.0) for row in read_metrics(metrics)), default=0.0))
    environment = {**os.environ, "PYTHONUNBUFFERED": "1"}
    with subprocess.Popen(
        command(resume=first > 0),
        cwd=work,
        env=environment,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        errors="replace",
    ) as process:
        assert process.stdout is not None
        with _forwarded_signals(process) as stopped, metrics.open("a", encoding="utf-8") as out:
            for line in process.stdout:
                print(line, end="", flush=True)
                row = parser.row(line)
                # A resumed run repeats its first estimate; the update after the last checkpoint is not kept.
                if row is None or row["step"] > job.max_iters or (first and row["step"] <= first):
                    continue
                out.write(json.dumps(row) + "\n")
                out.flush()
    return process.returncode, bool(stopped), parser


@contextmanager
def _forwarded_signals(process: subprocess.Popen[str]) -> Iterator[list[int]]:
    """End train.py when this process is told to end."""
    received: list[int] = []

    def handle(number: int, _frame: Any) -> None:
        received.append(number)
        process.terminate()

    previous = {number: signal.signal(number, handle) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield received
    finally:
        for number, handler in previous.items():
            signal.signal(number, handler)


def _result(job: PretrainJob, metrics: Path, parser: LogParser, model: Any, steps: int) -> dict[str, Any]:
    from secft.train.backends.nanogpt.batches import open_tokens
    from secft.train.backends.nanogpt.trainer import whole_loss

    started = time.perf_counter()
    losses = [row["eval_loss"] for row in read_metrics(metrics) if row.get("eval_loss") is not None]
    tokens = steps * job.tokens_per_step
    whole = whole_loss(model, open_tokens(Path(job.data_dir) / "val.bin", model.shape.vocab_size), job)
    return {
        "status": "completed",
        "steps": steps,
        "epochs": tokens / parser.train_tokens,
        "examples": parser.train_tokens,
        "dropped": 0,
        "truncated": 0,
        "tokens": tokens,
        "supervised_tokens": tokens,
        "seconds": parser.seconds + time.perf_counter() - started,
        "train_loss": final_train_loss(metrics),
        "best_validation_loss": min(losses, default=None),
        "final_validation_loss": whole,
        "tokens_per_second": tokens / max(parser.seconds, 1e-9),
        "peak_memory_gib": peak_memory_gib(),
        "precision": "fp32",
        "engine": "nanogpt checkout",
        "trainable_parameters": sum(parameter.numel() for parameter in model.parameters()),
        "versions": library_versions(LIBRARIES),
    }


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
