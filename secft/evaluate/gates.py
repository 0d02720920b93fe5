"""From measured differences to a decision: pass, fail, or inconclusive. No model is touched here.

Every gate looks at the interval of a paired difference, candidate minus base, and asks on which side of a
threshold it lies:

- target: the skill must improve. Pass where the lower bound exceeds the margin, fail where the upper bound is
  below it, inconclusive in between. One of the target tasks is enough; with k of them, a candidate that improved
  nothing passes with a chance of at most k times half the complement of the confidence (7.5 % for three at 95 %).
- perplexity: the log-perplexity of held-out answers must fall. Pass below zero, fail above, else inconclusive.
- general: what must be kept may fall by a margin at most. Pass where the lower bound is not below minus the
  margin, fail where the upper bound is, else inconclusive (non-inferiority).
- safety: behaviour may not get worse. Pass where the lower bound shows that any fall is within the margin. Else
  fail where a fall is certain (upper bound below zero) or larger than the margin as observed. Else pass where no
  fall was observed at all, and stay inconclusive where a small one was. With a few dozen items the strict rule
  alone would hardly ever decide; what the last pass lets through is told in ``resolves``: a true fall of that size
  would show as a fall in 95 of 100 evaluations.

The decision passes only if every kind of gate passes, fails if one fails, and is inconclusive otherwise.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any, Literal

from secft.config.judging import GatesConfig
from secft.evaluate.compare import METRICS
from secft.evaluate.statistics import items_needed, z_value

Verdict = Literal["pass", "fail", "inconclusive"]
Kind = Literal["target", "perplexity", "general", "safety"]
FORMAT = 1
_ONE_SIDED_95 = 1.645
# Bounds are sums of n-ths in floating point: -0.05 must not fall below -0.05.
_TINY = 1e-9

PRIMARY: Mapping[str, str] = {task: metrics[0] for task, metrics in METRICS.items()}
"""Task -> the metric that decides."""


@dataclass(frozen=True)
class Gate:
    """One question about the candidate and its answer.

    Attributes:
        name: kind and task.
        kind: what is asked, see the module.
        task: where it was measured.
        metric: what was measured.
        rule: the question in words.
        difference: candidate minus base, of log-perplexity for perplexity; None if it was not measured.
        low: lower bound of the difference.
        high: upper bound of the difference.
        margin: what the rule compares with.
        verdict: the answer.
        reason: the answer in words.
        items: items behind it.
        items_needed: how many would decide, where this many did not; None where none would, or none is needed.
        resolves: safety only, the true fall that would be seen as a fall with a chance of 95 %.
    """

    name: str
    kind: Kind
    task: str
    metric: str
    rule: str
    difference: float | None
    low: float | None
    high: float | None
    margin: float
    verdict: Verdict
    reason: str
    items: int
    items_needed: int | None = None
    resolves: float | None = None


@dataclass(frozen=True)
class Interval:
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


def target_verdict(difference: Interval, margin: float) -> Verdict:
    """Superiority: is the whole interval above the margin, or none of it?"""
    if difference.low > margin:
        return "pass"
    return "fail" if difference.high < margin else "inconclusive"


def perplexity_verdict(difference: Interval) -> Verdict:
    """Is the whole interval of the log-perplexity difference below zero, or above?"""
    if difference.high < 0:
        return "pass"
    return "fail" if difference.low > 0 else "inconclusive"


def general_verdict(difference: Interval, margin: float) -> Verdict:
    """Non-inferiority: is any fall within the margin, or certainly beyond?"""
    if difference.low >= -margin - _TINY:
        return "pass"
    return "fail" if difference.high < -margin - _TINY else "inconclusive"


def safety_verdict(difference: Interval, margin: float) -> Verdict:
    """Non-inferiority with the two additions of the module's docstring."""
    if difference.low >= -margin - _TINY:
        return "pass"
    if difference.high < 0 or difference.value < -margin - _TINY:
        return "fail"
    return "pass" if difference.value >= 0 else "inconclusive"


def _rule(kind: Kind, margin: float) -> str:
    points = f"{100 * margin:g} points"
    return {
        "target": f"improves by more than {points}" if margin else "improves",
        "perplexity": "perplexity of held-out answers falls",
        "general": f"falls by {points} at most",
        "safety": f"does not get worse (margin {points})",
    }[kind]


def _interval(results: Mapping[str, Any], task: str) -> Interval | str:
    """Return the difference of a task's main metric, or why there is none."""
    measured = results.get("tasks", {}).get(task)
    if measured is None:
        why = results.get("skipped", {}).get(task, "the task was not run")
        return f"not measured: {why}"
    metric = measured["metrics"].get(PRIMARY[task], {})
    told = [metric.get("difference", {}).get(key) for key in ("value", "low", "high")]
    numbers = [float(number) for number in told if number is not None and math.isfinite(number)]
    if len(numbers) < 3:
        return f"not a number: {metric.get('problem', 'the difference could not be computed')}"
    return Interval(numbers[0], numbers[1], numbers[2], measured["items"], results.get("confidence", 0.95))


def judge(kind: Kind, task: str, results: Mapping[str, Any], margin: float) -> Gate:
    """Apply one gate to the results of one task."""
    difference = _interval(results, task)
    head = (f"{kind}: {task}", kind, task, PRIMARY[task], _rule(kind, margin))
    if isinstance(difference, str):
        return Gate(*head, None, None, None, margin, "fail", difference, 0)
    if PRIMARY[task] == "perplexity" and kind != "perplexity":
        # Everywhere else more is better.
        difference = replace(difference, value=-difference.value, low=-difference.high, high=-difference.low)
    verdicts: Mapping[Kind, Verdict] = {
        "target": target_verdict(difference, margin),
        "perplexity": perplexity_verdict(difference),
        "general": general_verdict(difference, margin),
        "safety": safety_verdict(difference, margin),
    }
    verdict = verdicts[kind]
    threshold = {"target": margin, "perplexity": 0.0, "general": -margin, "safety": -margin}[kind]
    return Gate(
        *head,
        difference.value,
        difference.low,
        difference.high,
        margin,
        verdict,
        _reason(kind, difference, verdict),
        difference.items,
        difference.needed(threshold) if verdict == "inconclusive" else None,
        _ONE_SIDED_95 * difference.spread / math.sqrt(difference.items) if kind == "safety" else None,
    )


def _reason(kind: Kind, difference: Interval, verdict: Verdict) -> str:
    scale, digits, unit = (1, 3, " nats") if kind == "perplexity" else (100, 1, " points")
    value, low, high = (
        f"{scale * number:+.{digits}f}" for number in (difference.value, difference.low, difference.high)
    )
    told = {"pass": "", "fail": "", "inconclusive": "; the interval holds both answers"}[verdict]
    return f"{value}{unit} [{low}, {high}]{told}"


def _overall(verdicts: Sequence[Verdict]) -> Verdict:
    if "fail" in verdicts:
        return "fail"
    return "inconclusive" if "inconclusive" in verdicts else "pass"


def _any_improved(verdicts: Sequence[Verdict]) -> Verdict:
    if "pass" in verdicts:
        return "pass"
    return "inconclusive" if "inconclusive" in verdicts else "fail"


def decide(results: Mapping[str, Any], config: GatesConfig) -> dict[str, Any]:
    """Decide about a candidate.

    Args:
        results: what the evaluation wrote as results.json.
        config: tasks and margins.

    Returns:
        ``verdict``; ``groups``: kind -> verdict; ``reasons``: why it is not a pass; ``gates``: every comparison.
        A target that could not be measured is left out of its group as long as another one was.
    """
    gates = [judge("target", task, results, config.target_margin) for task in config.target_tasks]
    if config.perplexity_must_fall:
        gates.append(judge("perplexity", "answer_perplexity", results, 0.0))
    gates += [judge("general", task, results, config.general_margin) for task in config.general_tasks]
    gates += [judge("safety", task, results, config.safety_margin) for task in config.safety_tasks]
    groups: dict[str, Verdict] = {}
    for kind in dict.fromkeys(gate.kind for gate in gates):
        verdicts = [gate.verdict for gate in gates if gate.kind == kind]
        groups[kind] = _any_improved(verdicts) if kind == "target" else _overall(verdicts)
    verdict = _overall(list(groups.values())) if groups else "fail"
    return {
        "format": FORMAT,
        "verdict": verdict,
        "groups": groups,
        "reasons": _reasons(gates, groups),
        "confidence": results.get("confidence", 0.95),
        "gates": [asdict(gate) for gate in gates],
    }


def _reasons(gates: Sequence[Gate], groups: Mapping[str, Verdict]) -> list[str]:
    """Say for each group that did not pass which gates are to blame."""
    if not groups:
        return ["no gate is configured, so nothing can be passed"]
    blamed = [gate for gate in gates if groups[gate.kind] != "pass" and gate.verdict != "pass"]
    return [f"{gate.name} ({gate.metric}) {gate.rule}: {gate.verdict}, {gate.reason}" for gate in blamed]
