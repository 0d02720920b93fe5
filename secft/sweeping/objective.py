"""What one job of a sweep is worth."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

from secft.config.schemas.sweep import SweepConfig
from secft.documents.results import results_from_json
from secft.reports.leaderboard import JobRow, mean_gain

SMALL_IS_GOOD = ("loss", "perplexity", "refusal_rate_benign", "error")


def is_minimised(config: SweepConfig) -> bool:
    """Tell whether small values of the metric are good."""
    if config.direction != "auto":
        return config.direction == "minimize"
    return config.metric.endswith(SMALL_IS_GOOD)


def objective(config: SweepConfig, outcome: Mapping[str, Any]) -> dict[str, Any]:
    """Return the metric, its direction and its value (None where a job has none) for the leaderboard.

    Args:
        config: which metric.
        outcome: what a run returned, with ``results`` (results.json) and ``training`` (the train stage's summary).
    """
    value = _value(config.metric, outcome)
    direction = "minimize" if is_minimised(config) else "maximize"
    known = value is not None and math.isfinite(value)
    return {"metric": config.metric, "direction": direction, "value": value if known else None}


def _value(metric: str, outcome: Mapping[str, Any]) -> float | None:
    results = results_from_json(outcome.get("results") or {})
    if metric == "gain":
        return mean_gain(JobRow(0, (), "", results=results))
    if metric == "validation_loss":
        training = outcome.get("training") or {}
        found = training.get("best_validation_loss")
    else:
        task, _, name = metric.rpartition(".")
        measured = results.tasks[task].metrics.get(name) if task in results.tasks else None
        found = measured.candidate.value if measured else None
    return None if found is None else float(found)
