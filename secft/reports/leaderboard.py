"""The jobs of a sweep side by side: what passed first, then by the target that improved most."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from secft.documents.document import as_json
from secft.documents.results import EvaluationResults, MetricResult, results_from_json
from secft.papers import code, markdown
from secft.reports.figures import MISSING, decimal, difference_text, result_rows

FORMAT = 1
_ORDER = {"passed": 0, "inconclusive": 1, "failed": 2, "pruned": 3}
_LAST = 4


@dataclass(frozen=True)
class JobRow:
    """One job of a sweep.

    Attributes:
        number: its place in the sweep.
        overrides: what it differs in, as on the command line.
        status: passed, failed, inconclusive (its gates), pruned (stopped early), or error.
        message: the error in one line, or an empty string.
        results: what was measured, or nothing.
        run_dir: where its reports are, or an empty string.
        objective: ``metric``, ``direction`` and ``value`` of what the sweep looks for, or empty.
    """

    number: int
    overrides: Sequence[str]
    status: str
    message: str = ""
    results: EvaluationResults = field(default_factory=lambda: EvaluationResults({}))
    run_dir: str = ""
    objective: Mapping[str, Any] = field(default_factory=dict)

    @classmethod
    def from_outcome(cls, outcome: Mapping[str, Any]) -> JobRow:
        """Read what a run returned, with ``job`` and ``overrides`` added."""
        return cls(
            number=int(outcome["job"]),
            overrides=tuple(outcome["overrides"]),
            status=str(outcome["status"]),
            message=in_one_line(str(outcome.get("error") or "")),
            results=results_from_json(outcome.get("results") or {}),
            run_dir=str(outcome.get("directory", "")),
            objective=outcome.get("objective") or {},
        )

    def main(self, task: str) -> MetricResult | None:
        """Return a task's main metric, or None where it was not measured."""
        result = self.results.tasks.get(task)
        return result.main if result else None

    @property
    def shown_status(self) -> str:
        """Status for people."""
        words = {"passed": "passed", "failed": "gates failed", "inconclusive": "gates inconclusive"}
        return words.get(self.status, f"{self.status}: {self.message}" if self.message else self.status)


def in_one_line(message: str) -> str:
    """Return the first line of a message, and where it announces a list the first entry, too."""
    first, *others = message.splitlines() or [""]
    if not first.endswith(":") or not others:
        return first
    return f"{first} {others[0].strip().removeprefix('- ')}"


def ranked(rows: Sequence[JobRow]) -> list[JobRow]:
    """Sort jobs: passing, inconclusive, failed, pruned, errors; within these by what the sweep looks for."""
    return sorted(rows, key=lambda row: (_ORDER.get(row.status, _LAST), _badness(row), row.number))


def _badness(row: JobRow) -> float:
    """Return a number that is small for a good job: its objective, or the mean gain of its target tasks."""
    value = row.objective.get("value", mean_gain(row))
    if value is None:
        return float("inf")
    return float(value) if row.objective.get("direction") == "minimize" else -float(value)


def mean_gain(row: JobRow) -> float | None:
    """Return the mean paired difference of the target tasks that were measured, or None."""
    targets = [task for task in row.results.tasks.values() if task.role == "target" and task.main and task.main.share]
    gains = [task.main.difference.value for task in targets if task.main]
    known = [gain for gain in gains if gain is not None]
    return sum(known) / len(known) if known else None


def leaderboard(outcomes: Sequence[Mapping[str, Any]]) -> tuple[str, dict[str, Any]]:
    """Rank the jobs of a sweep.

    Args:
        outcomes: what each run returned (status, error, results, directory), with ``job`` and ``overrides``.

    Returns:
        Markdown for people, and a value to be written as JSON.
    """
    order = ranked([JobRow.from_outcome(outcome) for outcome in outcomes])
    titles = {row.task: row.title for job in order for row in result_rows(job.results)}
    return _markdown(order, titles), {"format": FORMAT, "jobs": [_entry(row) for row in order]}


def _markdown(order: Sequence[JobRow], titles: Mapping[str, str]) -> str:
    passed = sum(row.status == "passed" for row in order)
    metric = next((row.objective["metric"] for row in order if row.objective), "gain")
    objective = [] if metric == "gain" else [code(metric)]
    heads = ["#", "overrides", "status", *objective, *map(markdown, titles.values()), "run"]
    lines = [
        "# Leaderboard",
        "",
        f"{len(order)} jobs, {passed} passed their gates. Cells: candidate, and the paired difference to its base with "
        "its interval (for perplexity: the ratio).",
        "",
        f"| {' | '.join(heads)} |",
        f"|{'---|' * len(heads)}",
    ]
    for place, row in enumerate(order, start=1):
        overrides = " ".join(code(text) for text in row.overrides) or "(defaults)"
        cells = [str(place), overrides, markdown(row.shown_status), *(_objective(row) for _ in objective)]
        cells += [_cell(row.main(task)) for task in titles]
        lines.append(f"| {' | '.join([*cells, code(row.run_dir) if row.run_dir else MISSING])} |")
    return "\n".join(lines) + "\n"


def _objective(row: JobRow) -> str:
    value = row.objective.get("value")
    return MISSING if value is None else f"{value:.4g}"


def _cell(metric: MetricResult | None) -> str:
    numbers = metric.candidate.numbers if metric else None
    if metric is None or numbers is None:
        return MISSING
    value = f"{decimal(100 * numbers[0], 1)} %" if metric.share else decimal(numbers[0], 2)
    return f"{value} ({difference_text(metric)})"


def _entry(row: JobRow) -> dict[str, Any]:
    metrics = {
        task: {
            "metric": result.primary,
            **{part: as_json(getattr(result.main, part)) for part in ("base", "candidate", "difference")},
        }
        for task, result in row.results.tasks.items()
        if result.main
    }
    return {
        "job": row.number,
        "overrides": list(row.overrides),
        "status": row.status,
        "message": row.message,
        "objective": dict(row.objective),
        "metrics": metrics,
        "run_dir": row.run_dir,
    }
