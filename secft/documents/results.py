"""results.json: what an evaluation measured, base and candidate side by side."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

from secft.documents.document import Words, from_json
from secft.documents.titles import METRIC_TITLES, NO_SHARES, TASK_TITLES
from secft.errors import InputError
from secft.files import read_json

FORMAT = 2
RESULTS = "results.json"
Role = Literal["target", "general", "safety"]
"""What a task stands for: a skill that is to improve, one that must be kept, or behaviour that may not get worse."""


@dataclass(frozen=True)
class Measured:
    """A number with its interval; None where it could not be computed."""

    value: float | None
    low: float | None
    high: float | None

    @property
    def numbers(self) -> tuple[float, float, float] | None:
        """Value, low and high, or None where one is missing or not finite."""
        if self.value is None or self.low is None or self.high is None:
            return None
        found = (self.value, self.low, self.high)
        return found if all(map(math.isfinite, found)) else None


@dataclass(frozen=True)
class MetricResult:
    """One metric of one task.

    Attributes:
        base: the base model, or what it is compared with (chance, trigrams).
        candidate: the candidate.
        difference: candidate minus base, paired.
        title: what the metric is called.
        share: it lies between 0 and 1.
        higher_is_better: whether more is better.
        ratio: candidate through base, where the difference is that of logarithms (nats per token).
        gained: items that only the candidate got right.
        lost: items that only the base got right.
        mcnemar_p: p-value of gained against lost.
        problem: why numbers are missing.
    """

    base: Measured
    candidate: Measured
    difference: Measured
    title: Words = field(default_factory=dict)
    share: bool = True
    higher_is_better: bool = True
    ratio: Measured | None = None
    gained: int | None = None
    lost: int | None = None
    mcnemar_p: float | None = None
    problem: str | None = None


@dataclass(frozen=True)
class TaskResult:
    """One task.

    Attributes:
        items: how many were asked.
        metrics: name -> what was measured.
        primary: name of the metric that decides gates.
        clusters: families of items, which are resampled together.
        title: what the task is called.
        role: what it stands for.
        chance: share that guessing gets right, where items offer a choice.
        majority: share that the most frequent right answer gets right, where items share their choices.
        items_digest: SHA-256 of what was asked, as the model sees it.
        taught: training examples of the kinds that were asked, where they are held-out examples of the dataset.
        extra: what only this task tells.
    """

    items: int
    metrics: Mapping[str, MetricResult]
    primary: str
    clusters: int | None = None
    title: Words = field(default_factory=dict)
    role: Role = "target"
    chance: float | None = None
    majority: float | None = None
    items_digest: str = ""
    taught: int | None = None
    extra: Mapping[str, Any] = field(default_factory=dict)

    @property
    def main(self) -> MetricResult | None:
        """The metric that decides gates, if it was measured."""
        return self.metrics.get(self.primary)


@dataclass(frozen=True)
class EvaluationResults:
    """All tasks of one evaluation.

    Attributes:
        tasks: name -> what was measured.
        skipped: name of a task -> why it was not measured.
        confidence: level of all intervals.
        seed: of samples and resamples.
        resamples: of each bootstrap.
        precision: in which both models ran.
        device: on which both models ran.
        base_digest: of the base model.
        versions: of the libraries that measured.
        format: of this document.
    """

    tasks: Mapping[str, TaskResult]
    skipped: Mapping[str, str] = field(default_factory=dict)
    confidence: float = 0.95
    seed: int = 0
    resamples: int = 0
    precision: str = ""
    device: str = ""
    base_digest: str = ""
    versions: Mapping[str, str] = field(default_factory=dict)
    format: int = FORMAT


_ROLES_1: Mapping[str, Role] = {"general_knowledge": "general", "refusal": "safety", "over_refusal": "safety"}


def results_from_json(value: Any, where: str = RESULTS) -> EvaluationResults:
    """Return results.json as a record; files of format 1, which told less, are read too.

    Args:
        value: what the file holds; an empty object tells of no task.
        where: which file, for the error.

    Raises:
        InputError: it is no such document.
    """
    found = _object(value, f"{where}: the file")
    if not found:
        return EvaluationResults({})
    kind = found.get("format", 1)
    if kind not in (1, FORMAT):
        raise InputError(f"{where}: format: {kind!r} is none that this version reads (1 to {FORMAT}).")
    if kind == 1:
        tasks = _object(found.get("tasks", {}), f"{where}: tasks")
        upgraded = {task: _from_format_1(task, told, f"{where}: tasks.{task}") for task, told in tasks.items()}
        found = {**found, "format": 1, "tasks": upgraded}
    return from_json(EvaluationResults, found, where)


def read_results(path: Path) -> EvaluationResults:
    """Read results.json.

    Raises:
        InputError: there is none, or it is no such document.
    """
    return results_from_json(read_json(path), str(path))


def _from_format_1(task: str, value: Any, place: str) -> dict[str, Any]:
    """Add what format 1 left to its readers: titles, main metric, role, and which way is better."""
    found = _object(value, place)
    told = _object(found.get("metrics"), f"{place}.metrics")
    if not told:
        raise InputError(f"{place}.metrics: no metric was measured.")
    metrics = {name: _metric(name, numbers, f"{place}.metrics.{name}") for name, numbers in told.items()}
    primary = "accuracy" if "accuracy" in metrics else next(iter(metrics))
    titled = {"role": _ROLES_1.get(task, "target"), "title": TASK_TITLES.get(task, {})}
    return {**titled, **found, "metrics": metrics, "primary": primary}


def _metric(name: str, numbers: Any, place: str) -> dict[str, Any]:
    share = name not in NO_SHARES
    titled = {"title": METRIC_TITLES.get(name, {}), "share": share, "higher_is_better": share}
    return {**titled, **_object(numbers, place)}


def _object(value: Any, place: str) -> Mapping[str, Any]:
    if not isinstance(value, Mapping):
        raise InputError(f"{place}: is no object of JSON.")
    return value
