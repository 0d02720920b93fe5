"""What one job of a sweep is worth."""

from __future__ import annotations

import math
from typing import Any

from secft.config.schemas.sweep import SweepConfig
from secft.documents.run_outcome import RunOutcome
from secft.reports.leaderboard import JobRow, mean_gain

SMALL_IS_GOOD = ("loss", "perplexity", "refusal_rate_benign", "error")


def is_minimised(config: SweepConfig) -> bool:
    """Tell whether small values of the metric are good."""
    if config.direction != "auto":
        return config.direction == "minimize"
    return config.metric.endswith(SMALL_IS_GOOD)


def objective(config: SweepConfig, outcome: RunOutcome) -> dict[str, Any]:
    """Return the metric, its direction and its value (None where a job has none) for the leaderboard.

    Args:
        config: which metric.
        outcome: how the run of the job ended.
    """
    value = _value(config.metric, outcome)
    direction = "minimize" if is_minimised(config) else "maximize"
    known = value is not None and math.isfinite(value)
    return {"metric": config.metric, "direction": direction, "value": value if known else None}


def _value(metric: str, outcome: RunOutcome) -> float | None:
    results = outcome.results
    if metric == "gain":
        return mean_gain(JobRow(0, (), "", results=results))
    if metric == "validation_loss":
        return outcome.validation_loss
    task, _, name = metric.rpartition(".")
    measured = results.tasks[task].metrics.get(name) if task in results.tasks else None
    return measured.candidate.value if measured else None
