"""Reading metrics.jsonl."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any


def read_metrics(path: Path) -> list[dict[str, Any]]:
    """Return the complete rows of a metrics.jsonl; a half-written last line is left out."""
    if not path.is_file():
        return []
    rows = []
    for line in path.read_text(encoding="utf-8").split("\n")[:-1]:
        try:
            rows.append(json.loads(line))
        except json.JSONDecodeError:
            continue
    return rows


def is_event(row: Mapping[str, Any]) -> bool:
    """Tell whether a row tells of a change between two attempts (see recovery.py) instead of a step."""
    return "kind" in row


def final_train_loss(path: Path) -> float | None:
    """Return the mean loss of the last tenth of the recorded steps, or None if there is none."""
    losses = [row["loss"] for row in read_metrics(path) if row.get("loss") is not None]
    tail = losses[-max(len(losses) // 10, 1) :]
    return sum(tail) / len(tail) if tail else None


def mean_rewards(rows: Sequence[Mapping[str, Any]]) -> tuple[float, float] | None:
    """Return the mean rewards of the first and of the last quarter of the steps, or None where nothing is rewarded."""
    rewards = [float(row["reward"]) for row in rows if row.get("reward") is not None]
    if not rewards:
        return None
    part = max(len(rewards) // 4, 1)
    return sum(rewards[:part]) / part, sum(rewards[-part:]) / part
