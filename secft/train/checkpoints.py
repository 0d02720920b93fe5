"""Checkpoints that are either complete or ignored.

The trainer writes a checkpoint file by file; a marker is written last, with the
digests of the files. A checkpoint without its marker, of another job, or with a
file that is not what was written is removed and never resumed.
"""

from __future__ import annotations

import json
import shutil
from pathlib import Path

from secft.files import flush_tree, write_json
from secft.log import warn
from secft.train.runners.facts import MARKER, CheckpointProgress, checkpoint_marker, damaged_files, read_marker

__all__ = ["MARKER", "CheckpointProgress", "keep_rows_until", "last_complete", "mark_complete"]


def mark_complete(checkpoint: Path, progress: CheckpointProgress) -> None:
    """Declare a checkpoint complete, after its files have reached the disk."""
    write_json(checkpoint / MARKER, checkpoint_marker(checkpoint, progress))
    flush_tree(checkpoint)


def last_complete(
    directory: Path, job_digest: str, before: int | None = None
) -> tuple[Path, CheckpointProgress] | None:
    """Find the newest usable checkpoint and remove the unusable ones; a damaged one is told.

    Args:
        directory: where ``checkpoint-<step>`` directories lie.
        job_digest: digest of the job about to run.
        before: only checkpoints of earlier optimizer steps are looked for; None takes all.

    Returns:
        The checkpoint and its progress, or None to start from the beginning.
    """
    usable: list[tuple[int, Path, CheckpointProgress]] = []
    for checkpoint in directory.glob("checkpoint-*"):
        progress = read_marker(checkpoint)
        if progress is None or progress.job_digest != job_digest:
            if (checkpoint / MARKER).is_file() and progress is None:
                warn(f"{checkpoint} is damaged: {MARKER} changed since it was written; it is not used")
            shutil.rmtree(checkpoint, ignore_errors=True)
        elif before is None or progress.step < before:
            usable.append((progress.step, checkpoint, progress))
    for _, checkpoint, progress in sorted(usable, key=lambda entry: entry[0], reverse=True):
        damaged = damaged_files(checkpoint)
        if not damaged:
            return checkpoint, progress
        warn(f"{checkpoint} is damaged: {', '.join(damaged)} changed since it was written; it is not used")
        shutil.rmtree(checkpoint, ignore_errors=True)
    return None


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
