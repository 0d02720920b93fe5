"""Checkpoints that are either complete or ignored.

The trainer writes a checkpoint file by file; a marker is written last. A
checkpoint without its marker, or of another job, is removed and never resumed.
"""

from __future__ import annotations

import json
import os
import shutil
from dataclasses import asdict
from pathlib import Path

from secft.files import read_json, write_json
from secft.train.runners.facts import MARKER, CheckpointProgress

__all__ = ["MARKER", "CheckpointProgress", "keep_rows_until", "last_complete", "mark_complete"]


def mark_complete(checkpoint: Path, progress: CheckpointProgress) -> None:
    """Declare a checkpoint complete, after its files have reached the disk."""
    for path in checkpoint.rglob("*"):
        if path.is_file():
            with path.open("rb") as handle:
                os.fsync(handle.fileno())
    write_json(checkpoint / MARKER, asdict(progress))


def last_complete(
    directory: Path, job_digest: str, before: int | None = None
) -> tuple[Path, CheckpointProgress] | None:
    """Find the newest usable checkpoint and remove the unusable ones.

    Args:
        directory: where ``checkpoint-<step>`` directories lie.
        job_digest: digest of the job about to run.
        before: only checkpoints of earlier optimizer steps are looked for; None takes all.

    Returns:
        The checkpoint and its progress, or None to start from the beginning.
    """
    usable: list[tuple[int, Path, CheckpointProgress]] = []
    for checkpoint in directory.glob("checkpoint-*"):
        marker = checkpoint / MARKER
        progress = CheckpointProgress(**read_json(marker)) if marker.is_file() else None
        if progress is None or progress.job_digest != job_digest:
            shutil.rmtree(checkpoint, ignore_errors=True)
        elif before is None or progress.step < before:
            usable.append((progress.step, checkpoint, progress))
    if not usable:
        return None
    _, checkpoint, progress = max(usable, key=lambda entry: entry[0])
    return checkpoint, progress


def keep_rows_until(metrics: Path, step: int) -> None:
    """Drop rows of metrics.jsonl beyond a step, and a half-written last line."""
    if not metrics.is_file():
        return
    kept = []
    for line in metrics.read_text(encoding="utf-8").splitlines():
        try:
            row = json.loads(line)
        except json.JSONDecodeError:
            continue
        if row["step"] <= step or "kind" in row:  # what was changed on the way is kept
            kept.append(line)
    temporary = metrics.with_suffix(".tmp")
    temporary.write_text("".join(line + "\n" for line in kept), encoding="utf-8")
    temporary.replace(metrics)
