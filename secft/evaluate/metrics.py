"""Metrics: from the answers of both models to numbers, intervals and paired differences."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any

from secft.documents.document import Words
from secft.documents.results import Measured, MetricResult
from secft.evaluate.statistics import (
    Estimate,
    bounds,
    compare_log_perplexity,
    compare_macro_f1,
    mcnemar,
    paired_difference,
    ratio_draws,
    wilson,
)

Row = Mapping[str, Any]
"""A line of ``eval/<task>.jsonl``: an item with ``base`` and ``candidate``, the answers of both models."""


@dataclass(frozen=True)
class Bootstrap:
    """How intervals are made."""

    confidence: float = 0.95
    resamples: int = 10_000
    seed: int = 0


@dataclass(frozen=True)
class Metric:
    """What a task is measured by.

    Attributes:
        name: in results.json.
        title: in the languages of reports.
        compare: (rows, bootstrap) -> base, candidate and paired difference with intervals.
        share: it lies between 0 and 1.
        higher_is_better: whether more is better.
    """

    name: str
    title: Words
    compare: Callable[[Sequence[Row], Bootstrap], MetricResult]
    share: bool = True
    higher_is_better: bool = True

    def measure(self, rows: Sequence[Row], how: Bootstrap) -> MetricResult:
        """Compare both models.

        Args:
            rows: lines of ``eval/<task>.jsonl``.
            how: level of the intervals, resamples, seed.

        Returns:
            Numbers that cannot be computed are None, and ``problem`` says why.
        """
        found = self.compare(rows, how)
        return replace(found, title=self.title, share=self.share, higher_is_better=self.higher_is_better)


def families_of(rows: Sequence[Row]) -> list[str]:
    """Return the cluster of every row."""
    return [row["family"] for row in rows]


def compare_shares(rows: Sequence[Row], how: Bootstrap, key: str = "correct") -> MetricResult:
    """Compare shares of right answers; ``key`` names what of an answer tells that it is right."""
    base, candidate = ([int(row[side][key]) for row in rows] for side in ("base", "candidate"))
    families = families_of(rows)
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
    found = compared(before, after, difference)
    return replace(found, gained=gained, lost=lost, mcnemar_p=mcnemar(gained, lost))


def _proportion(values: Sequence[int], families: Sequence[str], how: Bootstrap) -> Estimate:
    """Estimate a share: Wilson where items stand alone, bootstrap over families where they do not."""
    exact = wilson(sum(values), len(values), how.confidence)
    if len(set(families)) == len(values) or exact.value in (0.0, 1.0):
        return exact
    draws = ratio_draws(values, [1] * len(values), families, how.resamples, how.seed)
    return Estimate(exact.value, *bounds(draws, how.confidence))


def compare_with_chance(rows: Sequence[Row], chance: float, how: Bootstrap) -> MetricResult:
    """Compare a share of right answers with what guessing gives.

    Args:
        rows: lines of ``eval/preference.jsonl``; ``correct`` is from 0 to 1.
        chance: share that guessing gets right; it stands as the base, a number without an interval.
        how: level of the intervals, resamples, seed.
    """
    right = [float(row["candidate"]["correct"]) for row in rows]
    families = families_of(rows)
    draws = ratio_draws(right, [1] * len(right), families, how.resamples, how.seed)
    value = sum(right) / len(right)
    estimate = Estimate(value, *bounds(draws, how.confidence))
    if value in (0.0, 1.0):
        # Nothing to resample: the interval of a proportion of families that all agree.
        estimate = wilson(round(value * len(set(families))), len(set(families)), how.confidence)
    difference = estimate.map(lambda number: number - chance)
    return compared(Estimate(chance, chance, chance), estimate, difference)


def compare_f1(rows: Sequence[Row], how: Bootstrap) -> MetricResult:
    """Compare macro-F1 over the texts of all choices."""
    names = sorted({name for row in rows for name in row["choices"]})
    number = {name: index for index, name in enumerate(names)}

    def choice(row: Row, chosen: int) -> int:
        # By text, since items may list their choices in any order.
        return number[row["choices"][chosen]] if chosen >= 0 else -1

    def classes(side: str) -> list[int]:
        return [choice(row, row[side]["prediction"]) for row in rows]

    gold = [choice(row, row["gold"]) for row in rows]
    found = compare_macro_f1(
        gold, classes("base"), classes("candidate"), classes=len(names), clusters=families_of(rows), **asdict(how)
    )
    return compared(found.base, found.candidate, found.difference)


def compare_similarity(rows: Sequence[Row], how: Bootstrap) -> MetricResult:
    """Compare the mean likeness of what both models write to the held-out answers."""
    base, candidate = ([float(row[side]["similarity"]) for row in rows] for side in ("base", "candidate"))
    families, ones = families_of(rows), [1] * len(rows)
    difference = paired_difference(
        [after - before for before, after in zip(base, candidate, strict=True)], clusters=families, **asdict(how)
    )
    before, after = (
        Estimate(sum(values) / len(values), *bounds(ratio_draws(values, ones, families, how.resamples, how.seed),
                                                    how.confidence))
        for values in (base, candidate)
    )  # fmt: skip
    return compared(before, after, difference)


def compare_perplexity(rows: Sequence[Row], how: Bootstrap) -> MetricResult:
    """Compare perplexities; the difference is that of their logarithms, nats per token."""
    missing = sum(row[side]["nll"] is None for row in rows for side in ("base", "candidate"))
    if missing:
        unknown = Measured(None, None, None)
        problem = f"{missing} answers have no finite likelihood"
        return MetricResult(unknown, unknown, unknown, ratio=unknown, problem=problem)
    found = compare_log_perplexity(
        [row["base"]["nll"] for row in rows],
        [row["candidate"]["nll"] for row in rows],
        [row["tokens"] for row in rows],
        clusters=families_of(rows),
        **asdict(how),
    )
    base, candidate, ratio = (estimate.map(_exp) for estimate in (found.base, found.candidate, found.difference))
    return replace(compared(base, candidate, found.difference), ratio=measured(ratio))


def _exp(value: float) -> float:
    """Return exp, and infinity where that does not fit a float."""
    return math.exp(value) if value < 700 else math.inf


def measured(estimate: Estimate) -> Measured:
    """Return an estimate as it is written; what is not finite becomes None."""
    numbers = (estimate.value, estimate.low, estimate.high)
    return Measured(*(number if math.isfinite(number) else None for number in numbers))


def compared(base: Estimate, candidate: Estimate, difference: Estimate) -> MetricResult:
    """Return three estimates as a result."""
    return MetricResult(measured(base), measured(candidate), measured(difference))


ACCURACY = Metric("accuracy", {"en": "accuracy", "es": "exactitud"}, compare_shares)
EXACT_CALLS = Metric("exact_calls", {"en": "exact calls", "es": "llamadas exactas"}, compare_shares)
RIGHT_TOOLS = Metric(
    "right_tools",
    {"en": "right tools", "es": "herramientas correctas"},
    lambda rows, how: compare_shares(rows, how, "named"),
)
MACRO_F1 = Metric("macro_f1", {"en": "macro-F1", "es": "macro-F1"}, compare_f1)
MARGINS = Metric(
    "margin_accuracy",
    {"en": "margin accuracy", "es": "exactitud del margen"},
    lambda rows, how: compare_with_chance(rows, 0.5, how),
)
SIMILARITY = Metric("chrf", {"en": "similarity (chrF)", "es": "similitud (chrF)"}, compare_similarity)
PERPLEXITY = Metric(
    "perplexity",
    {"en": "perplexity (lower is better)", "es": "perplejidad (menor es mejor)"},
    compare_perplexity,
    share=False,
    higher_is_better=False,
)
