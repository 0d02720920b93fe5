"""From the answers of both models to metrics, intervals and paired differences. Numbers in, numbers out."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from secft.config.judging import PREFERENCE
from secft.evaluate.statistics import (
    Comparison,
    Estimate,
    bounds,
    compare_log_perplexity,
    compare_macro_f1,
    mcnemar,
    paired_difference,
    ratio_draws,
    wilson,
)

METRICS: Mapping[str, tuple[str, ...]] = {
    "answer_perplexity": ("perplexity",),
    "technique_to_tactic": ("accuracy", "macro_f1"),
    "weakness_to_consequence": ("accuracy", "macro_f1"),
    "security_mcq": ("accuracy",),
    "general_knowledge": ("accuracy",),
    "refusal": ("refusal_rate",),
    "over_refusal": ("answer_rate",),
    PREFERENCE: ("accuracy",),
}
"""Task -> metrics; the first one decides gates."""

Row = Mapping[str, Any]


@dataclass(frozen=True)
class Bootstrap:
    """How intervals are made."""

    confidence: float = 0.95
    resamples: int = 10_000
    seed: int = 0


def compare_task(task: str, rows: Sequence[Row], how: Bootstrap) -> dict[str, Any]:
    """Compare both models on one task.

    Args:
        task: name of the task.
        rows: lines of ``eval/<task>.jsonl``.
        how: level of the intervals, resamples, seed.

    Returns:
        ``items``, ``clusters`` and ``metrics``: metric -> base, candidate and difference, each with value, low
        and high. Numbers that cannot be computed are None, and ``problem`` says why.
    """
    metrics = {}
    for metric in METRICS[task]:
        if metric == "perplexity":
            metrics[metric] = _perplexity(rows, how)
        elif metric == "macro_f1":
            metrics[metric] = _macro_f1(rows, how)
        else:
            metrics[metric] = _share(rows, how)
    return {"items": len(rows), "clusters": len(set(_families(rows))), "metrics": metrics}


def _families(rows: Sequence[Row]) -> list[str]:
    return [row["family"] for row in rows]


def _share(rows: Sequence[Row], how: Bootstrap) -> dict[str, Any]:
    """Compare shares of right answers."""
    base, candidate = ([int(row[side]["correct"]) for row in rows] for side in ("base", "candidate"))
    families = _families(rows)
    signs = [right - was_right for was_right, right in zip(base, candidate, strict=True)]
    difference = paired_difference(
        signs,
        confidence=how.confidence,
        resamples=how.resamples,
        seed=how.seed,
        clusters=families,
    )
    gained, lost = signs.count(1), signs.count(-1)
    before, after = (_proportion(values, families, how) for values in (base, candidate))
    told = _told(Comparison(before, after, difference))
    return {**told, "gained": gained, "lost": lost, "mcnemar_p": mcnemar(gained, lost)}


def compare_with_chance(rows: Sequence[Row], chance: float, how: Bootstrap) -> dict[str, Any]:
    """Compare a share of right answers with what guessing gives.

    Args:
        rows: lines of ``eval/preference.jsonl``; ``correct`` is from 0 to 1.
        chance: share that guessing gets right.
        how: level of the intervals, resamples, seed.

    Returns:
        As ``compare_task``; the base is chance, a number without an interval.
    """
    right = [float(row["candidate"]["correct"]) for row in rows]
    families = _families(rows)
    draws = ratio_draws(right, [1] * len(right), families, how.resamples, how.seed)
    value = sum(right) / len(right)
    estimate = Estimate(value, *bounds(draws, how.confidence))
    if value in (0.0, 1.0):
        # Nothing to resample: the interval of a proportion of families that all agree.
        estimate = wilson(round(value * len(set(families))), len(set(families)), how.confidence)
    difference = estimate.map(lambda number: number - chance)
    told = _told(Comparison(Estimate(chance, chance, chance), estimate, difference))
    return {"items": len(rows), "clusters": len(set(families)), "metrics": {"accuracy": told}}


def _proportion(values: Sequence[int], families: Sequence[str], how: Bootstrap) -> Estimate:
    """Estimate a share: Wilson where items stand alone, bootstrap over families where they do not."""
    exact = wilson(sum(values), len(values), how.confidence)
    if len(set(families)) == len(values) or exact.value in (0.0, 1.0):
        return exact
    draws = ratio_draws(values, [1] * len(values), families, how.resamples, how.seed)
    return Estimate(exact.value, *bounds(draws, how.confidence))


def _macro_f1(rows: Sequence[Row], how: Bootstrap) -> dict[str, Any]:
    names = sorted({name for row in rows for name in row["choices"]})
    number = {name: index for index, name in enumerate(names)}

    def classes(side: str) -> list[int]:
        return [_class(row, row[side]["prediction"], number) for row in rows]

    gold = [_class(row, row["gold"], number) for row in rows]
    comparison = compare_macro_f1(
        gold, classes("base"), classes("candidate"), classes=len(names), clusters=_families(rows), **asdict(how)
    )
    return _told(comparison)


def _class(row: Row, choice: int, number: Mapping[str, int]) -> int:
    """Return the class of a choice by its text, since items may list their choices in any order."""
    return number[row["choices"][choice]] if choice >= 0 else -1


def _perplexity(rows: Sequence[Row], how: Bootstrap) -> dict[str, Any]:
    """Compare perplexities; the difference is that of their logarithms, nats per token."""
    missing = sum(row[side]["nll"] is None for row in rows for side in ("base", "candidate"))
    if missing:
        empty = {"value": None, "low": None, "high": None}
        problem = f"{missing} answers have no finite likelihood"
        return {"base": empty, "candidate": empty, "difference": empty, "ratio": empty, "problem": problem}
    comparison = compare_log_perplexity(
        [row["base"]["nll"] for row in rows],
        [row["candidate"]["nll"] for row in rows],
        [row["tokens"] for row in rows],
        clusters=_families(rows),
        **asdict(how),
    )
    told = _told(Comparison(comparison.base.map(_exp), comparison.candidate.map(_exp), comparison.difference))
    return {**told, "ratio": _number(comparison.difference.map(_exp)), "difference_of": "log"}


def _exp(value: float) -> float:
    """Return exp, and infinity where that does not fit a float."""
    return math.exp(value) if value < 700 else math.inf


def _number(estimate: Estimate) -> dict[str, float | None]:
    """Return an estimate as JSON; what is not finite becomes None."""
    return {key: value if math.isfinite(value) else None for key, value in asdict(estimate).items()}


def _told(comparison: Comparison) -> dict[str, Any]:
    return {name: _number(getattr(comparison, name)) for name in ("base", "candidate", "difference")}
