"""The jobs of a sweep side by side: what passed first, then by the target that improved most."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from secft.release.figures import MISSING, TASK_TITLES, triple, with_interval
from secft.release.rendering import code, markdown

FORMAT = 1
_ORDER = {"passed": 0, "inconclusive": 1, "failed": 2, "pruned": 3}
_LAST = 4
_MAIN = {
    "technique_to_tactic": "accuracy",
    "weakness_to_consequence": "accuracy",
    "security_mcq": "accuracy",
    "answer_perplexity": "perplexity",
    "general_knowledge": "accuracy",
    "refusal": "refusal_rate",
    "over_refusal": "answer_rate",
    "preference": "accuracy",
}


@dataclass(frozen=True)
class JobRow:
    """One job of a sweep.

    Attributes:
        number: its place in the sweep.
        overrides: what it differs in, as on the command line.
        status: passed, failed, inconclusive (its gates), pruned (stopped early), or error.
        message: the error's first line, or an empty string.
        results: results.json, or empty.
        run_dir: where its papers are, or an empty string.
        objective: ``metric``, ``direction`` and ``value`` of what the sweep looks for, or empty.
    """

    number: int
    overrides: Sequence[str]
    status: str
    message: str = ""
    results: Mapping[str, Any] = field(default_factory=dict)
    run_dir: str = ""
    objective: Mapping[str, Any] = field(default_factory=dict)

    @classmethod
    def from_outcome(cls, outcome: Mapping[str, Any]) -> JobRow:
        """Read what a run returned, with ``job`` and ``overrides`` added."""
        return cls(
            number=int(outcome["job"]),
            overrides=tuple(outcome["overrides"]),
            status=str(outcome["status"]),
            message=next(iter(str(outcome.get("error", "")).splitlines()), ""),
            results=outcome.get("results") or {},
            run_dir=str(outcome.get("directory", "")),
            objective=outcome.get("objective") or {},
        )

    def estimate(self, task: str, part: str) -> Mapping[str, Any]:
        """Return base, candidate or difference of a task's main metric; empty where it was not measured."""
        metrics = self.results.get("tasks", {}).get(task, {}).get("metrics", {})
        found: Mapping[str, Any] = metrics.get(_MAIN[task], {}).get(part, {})
        return found

    @property
    def shown_status(self) -> str:
        """Status for people."""
        told = {"passed": "passed", "failed": "gates failed", "inconclusive": "gates inconclusive"}
        return told.get(self.status, f"{self.status}: {self.message}" if self.message else self.status)


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
    targets = ("technique_to_tactic", "weakness_to_consequence", "security_mcq")
    gains = [row.estimate(task, "difference").get("value") for task in targets]
    known = [float(gain) for gain in gains if gain is not None]
    return sum(known) / len(known) if known else None


def leaderboard(outcomes: Sequence[Mapping[str, Any]]) -> tuple[str, dict[str, Any]]:
    """Rank the jobs of a sweep.

    Args:
        outcomes: what each run returned (status, error, results, directory), with ``job`` and ``overrides``.

    Returns:
        Markdown for people, and a value to be written as JSON.
    """
    order = ranked([JobRow.from_outcome(outcome) for outcome in outcomes])
    measured = [task for task in _MAIN if any(row.estimate(task, "candidate") for row in order)]
    return _markdown(order, measured), {"format": FORMAT, "jobs": [_entry(row, measured) for row in order]}


def _markdown(order: Sequence[JobRow], tasks: Sequence[str]) -> str:
    passed = sum(row.status == "passed" for row in order)
    metric = next((row.objective["metric"] for row in order if row.objective), "gain")
    objective = [] if metric == "gain" else [code(metric)]
    heads = ["#", "overrides", "status", *objective, *(markdown(TASK_TITLES[task]["en"]) for task in tasks), "run"]
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
        cells += [_cell(row, task) for task in tasks]
        lines.append(f"| {' | '.join([*cells, code(row.run_dir) if row.run_dir else MISSING])} |")
    return "\n".join(lines) + "\n"


def _objective(row: JobRow) -> str:
    value = row.objective.get("value")
    return MISSING if value is None else f"{value:.4g}"


def _cell(row: JobRow, task: str) -> str:
    value = triple(row.estimate(task, "candidate"))
    if value is None:
        return MISSING
    if _MAIN[task] == "perplexity":
        return f"{value[0]:.2f} (× {with_interval(row.estimate(task, 'ratio'), share=False)})"
    return f"{100 * value[0]:.1f} % ({with_interval(row.estimate(task, 'difference'), share=True, signed=True)})"


def _entry(row: JobRow, tasks: Sequence[str]) -> dict[str, Any]:
    metrics = {
        task: {
            "metric": _MAIN[task],
            **{part: row.estimate(task, part) for part in ("base", "candidate", "difference")},
        }
        for task in tasks
        if row.estimate(task, "candidate")
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
