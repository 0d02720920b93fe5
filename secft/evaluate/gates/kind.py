"""What a kind of gate is, and the interval that it looks at.

Every gate looks at the interval of a paired difference, candidate minus base, and asks on which side of a threshold
it lies. A kind is one class in one file: rule, verdict, threshold, how several of them are joined, and its settings.
"""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, ClassVar

from secft.documents.decision import Gate, Verdict
from secft.documents.document import Words
from secft.documents.results import EvaluationResults, MetricResult
from secft.evaluate.statistics import items_needed, z_value
from secft.evaluate.tasks import TASKS

TINY = 1e-9
"""Bounds are sums of n-ths in floating point: -0.05 must not fall below -0.05."""
ONE_SIDED_95 = 1.645


@dataclass(frozen=True)
class Held:
    """What there is to measure a task by.

    Attributes:
        items: that are asked.
        families: of items, which stand or fall together.
        taught: training examples of the same kinds; None where nobody counted them.
    """

    items: int
    families: int
    taught: int | None = None


Measurable = Mapping[str, Held] | None
"""Task -> what there is to measure it by, for the tasks that are asked at all."""


def held_of(results: EvaluationResults) -> dict[str, Held]:
    """Return what was there to measure, of an evaluation."""
    return {
        name: Held(task.items, task.items if task.clusters is None else task.clusters, task.taught)
        for name, task in results.tasks.items()
    }


@dataclass(frozen=True)
class PairedInterval:
    """A paired difference with what is needed to plan more items."""

    value: float
    low: float
    high: float
    items: int
    confidence: float

    @property
    def spread(self) -> float:
        """Standard deviation per item that the interval implies, clusters included."""
        return (self.high - self.low) / (2 * z_value(self.confidence)) * math.sqrt(self.items)

    def needed(self, threshold: float) -> int | None:
        """Return how many items would tell the observed difference from a threshold."""
        return items_needed(self.value - threshold, self.spread, confidence=self.confidence)

    def negated(self) -> PairedInterval:
        """Return the interval of base minus candidate."""
        return replace(self, value=-self.value, low=-self.high, high=-self.low)


class GateKind(ABC):
    """One kind of question about a candidate."""

    name: ClassVar[str]
    title: ClassVar[Words]
    falling: ClassVar[bool] = False
    """The question is about a number that is to fall, and is asked of the difference as it is."""

    asked_by: ClassVar[str] = ""
    """The setting of ``gates`` that says of which tasks this is asked, if there is one."""
    remedy: ClassVar[str] = ""
    """What to change where a task is not run, instead of running it."""

    @abstractmethod
    def tasks(self, settings: Any, measured: Measurable) -> Sequence[str]:
        """Return the tasks of which this is asked.

        Args:
            settings: ``gates``.
            measured: what there is to measure; None where that is not known yet, and only what settings name is told.
        """

    @abstractmethod
    def margin(self, settings: Any) -> float:
        """Return what the rule compares with."""

    @abstractmethod
    def rule(self, margin: float) -> str:
        """Return the question in words, as it goes on after the name of a task."""

    @abstractmethod
    def verdict(self, difference: PairedInterval, margin: float) -> Verdict:
        """Answer the question."""

    def threshold(self, margin: float) -> float:
        """Return the difference that divides pass from fail; items needed are counted to it."""
        return margin

    def joined(self, verdicts: Sequence[Verdict]) -> Verdict:
        """Return the verdict of all gates of this kind together: each has to pass."""
        return all_of(verdicts)

    def resolves(self, difference: PairedInterval) -> float | None:
        """Return the fall that would be seen with a chance of 95 %, where a gate may pass without proof."""
        return None

    def judge(self, task: str, results: EvaluationResults, margin: float) -> Gate:
        """Apply this gate to the results of one task; what was not measured fails."""
        measured = results.tasks.get(task)
        main = measured.main if measured else None
        gate = Gate(
            name=f"{self.name}: {task}",
            kind=self.name,
            task=task,
            metric=measured.primary if measured else "",
            rule=self.rule(margin),
            difference=None,
            low=None,
            high=None,
            margin=margin,
            verdict="fail",
            reason="",
            items=0,
            title=self.title,
            task_title=measured.title if measured else TASKS[task].title if task in TASKS else {},
            share=main.share if main else True,
        )
        if measured is None:
            return replace(gate, reason=f"not measured: {results.skipped.get(task, 'the task was not run')}")
        numbers = main.difference.numbers if main else None
        if main is None or numbers is None:
            problem = (main.problem if main else None) or "the difference could not be computed"
            return replace(gate, reason=f"not a number: {problem}")
        difference = PairedInterval(*numbers, measured.items, results.confidence)
        if not main.higher_is_better and not self.falling:
            difference = difference.negated()  # everywhere else more is better
        verdict = self.verdict(difference, margin)
        return replace(
            gate,
            difference=difference.value,
            low=difference.low,
            high=difference.high,
            verdict=verdict,
            reason=_reason(main, difference, verdict),
            items=measured.items,
            items_needed=difference.needed(self.threshold(margin)) if verdict == "inconclusive" else None,
            resolves=self.resolves(difference),
        )


def _reason(metric: MetricResult, difference: PairedInterval, verdict: Verdict) -> str:
    scale, digits, unit = (100, 1, " points") if metric.share else (1, 3, " nats")
    value, low, high = (
        f"{scale * number:+.{digits}f}" for number in (difference.value, difference.low, difference.high)
    )
    undecided = "; the interval holds both answers" if verdict == "inconclusive" else ""
    return f"{value}{unit} [{low}, {high}]{undecided}"


def all_of(verdicts: Sequence[Verdict]) -> Verdict:
    """Fail if one fails, pass if all pass."""
    if "fail" in verdicts:
        return "fail"
    return "inconclusive" if "inconclusive" in verdicts else "pass"


def points(margin: float) -> str:
    """Write a margin of a share for people."""
    return f"{100 * margin:g} points"
