"""Intervals and paired comparisons.

The bootstrap is own code: scipy.stats.bootstrap resamples item by item and knows no clusters; through counts and groups
the same resamples take milliseconds instead of seconds. All intervals are two-sided. Items of one cluster (for example
all techniques of one family) are resampled together, since they stand or fall together; items without clusters are
resampled one by one.
"""

from __future__ import annotations

import math
from collections.abc import Hashable, Sequence
from dataclasses import dataclass
from statistics import NormalDist
from typing import TYPE_CHECKING, Any

from secft.evaluate.late_numpy import np

if TYPE_CHECKING:
    from numpy.typing import ArrayLike, NDArray

    Floats = NDArray[np.float64]
_CELLS_AT_ONCE = 4_000_000


@dataclass(frozen=True)
class Estimate:
    """A number with its interval."""

    value: float
    low: float
    high: float

    def map(self, function: Any) -> Estimate:
        """Apply an increasing function to the number and to both bounds."""
        return Estimate(float(function(self.value)), float(function(self.low)), float(function(self.high)))


def z_value(confidence: float) -> float:
    """Return the two-sided standard normal quantile, 1.96 for 0.95."""
    return NormalDist().inv_cdf(0.5 + confidence / 2)


def wilson(successes: int, items: int, confidence: float = 0.95) -> Estimate:
    """Estimate a proportion with Wilson's score interval.

    Raises:
        ValueError: no items, or more successes than items.

    Source: Wilson 1927, J. Am. Stat. Assoc. 22:209, without continuity correction.
    """
    if not 0 <= successes <= items or items < 1:
        raise ValueError(f"{successes} successes of {items} items is not a proportion")
    from scipy.stats import binomtest  # half a second: only where something is measured

    interval = binomtest(successes, items).proportion_ci(confidence, method="wilson")
    return Estimate(successes / items, float(interval.low), float(interval.high))


def mean_interval(values: ArrayLike, confidence: float = 0.95) -> Estimate:
    """Estimate a mean with the normal interval, mean +- z s / sqrt(n).

    Raises:
        ValueError: fewer than two values.
    """
    array = np.asarray(values, dtype=np.float64)
    if array.size < 2:
        raise ValueError("an interval of a mean needs two values or more")
    mean = float(array.mean())
    half = z_value(confidence) * float(array.std(ddof=1)) / math.sqrt(array.size)
    return Estimate(mean, mean - half, mean + half)


def cluster_index(clusters: Sequence[Hashable] | None, items: int) -> NDArray[np.intp]:
    """Number the clusters in order of appearance.

    Args:
        clusters: one label per item, or None where every item stands alone.
        items: number of items.

    Returns:
        Shape (items,); values 0 .. clusters-1.

    Raises:
        ValueError: not one label per item.
    """
    if clusters is None:
        return np.arange(items)
    if len(clusters) != items:
        raise ValueError(f"{len(clusters)} cluster labels for {items} items")
    seen: dict[Hashable, int] = {}
    return np.array([seen.setdefault(label, len(seen)) for label in clusters], dtype=np.intp)


def resample_weights(groups: int, resamples: int, generator: np.random.Generator) -> NDArray[np.int64]:
    """Draw how often each group occurs in each bootstrap resample.

    Returns:
        Shape (resamples, groups); rows sum to groups.
    """
    return generator.multinomial(groups, np.full(groups, 1 / groups), size=resamples)


def bounds(draws: ArrayLike, confidence: float) -> tuple[float, float]:
    """Return the percentile interval of bootstrap draws.

    Source: Efron and Tibshirani 1993, An Introduction to the Bootstrap, chapter 13.
    """
    tail = (1 - confidence) / 2
    low, high = np.quantile(np.asarray(draws, dtype=np.float64), [tail, 1 - tail])
    return float(low), float(high)


def ratio_draws(
    numerators: ArrayLike, denominators: ArrayLike, clusters: Sequence[Hashable] | None, resamples: int, seed: int
) -> Floats:
    """Bootstrap sum(numerators) / sum(denominators) over items or clusters.

    Args:
        numerators: shape (items,) or (items, k) for k ratios from the same resamples.
        denominators: shape (items,).
        clusters: one label per item, or None.
        resamples: number of draws.
        seed: seed of the draws.

    Returns:
        Shape (resamples,) or (resamples, k).
    """
    top, bottom = np.asarray(numerators, dtype=np.float64), np.asarray(denominators, dtype=np.float64)
    index = cluster_index(clusters, len(bottom))
    groups = int(index.max()) + 1
    tops = np.zeros((groups, *top.shape[1:]))
    np.add.at(tops, index, top)
    bottoms = np.bincount(index, weights=bottom, minlength=groups)
    generator = np.random.default_rng(seed)
    chunk = max(1, _CELLS_AT_ONCE // groups)
    draws = []
    for start in range(0, resamples, chunk):
        weights = resample_weights(groups, min(chunk, resamples - start), generator).astype(np.float64)
        total = weights @ bottoms
        draws.append((weights @ tops) / (total if top.ndim == 1 else total[:, None]))
    return np.concatenate(draws)


def paired_difference(
    differences: ArrayLike,
    *,
    confidence: float = 0.95,
    resamples: int = 10_000,
    seed: int = 0,
    clusters: Sequence[Hashable] | None = None,
) -> Estimate:
    """Estimate the mean of paired differences, candidate minus base, with a percentile bootstrap.

    Differences of -1, 0 and +1 of independent items are resampled through their three counts: the counts of
    a resample follow one multinomial law, so this is the same bootstrap, a few hundred times faster.
    Where all differences are equal, the bootstrap has nothing to resample and would claim certainty;
    then the bound is the exact one for an event that was not seen in n items.

    Args:
        differences: shape (items,).
        confidence: level of the interval.
        resamples: bootstrap resamples.
        seed: seed of the resamples.
        clusters: one label per item where items are not independent, or None.

    Raises:
        ValueError: there are no items.

    Source: Efron and Tibshirani 1993; Clopper and Pearson 1934 for zero events, 1 - (alpha/2)**(1/n).
    """
    array = np.asarray(differences, dtype=np.float64)
    if array.size == 0:
        raise ValueError("there are no items to compare")
    mean = float(array.mean())
    signs = bool(np.isin(array, (-1.0, 0.0, 1.0)).all())
    if signs and bool((array == array[0]).all()):
        groups = int(cluster_index(clusters, array.size).max()) + 1
        unseen = 1 - ((1 - confidence) / 2) ** (1 / groups)
        return Estimate(mean, max(-1.0, mean - unseen), min(1.0, mean + unseen))
    alone = clusters is None or len(set(clusters)) == array.size
    if signs and alone:
        counts = np.array([(array == value).sum() for value in (-1, 0, 1)])
        generator = np.random.default_rng(seed)
        cells = generator.multinomial(array.size, counts / array.size, size=resamples)
        return Estimate(mean, *bounds((cells[:, 2] - cells[:, 0]) / array.size, confidence))
    draws = ratio_draws(array, np.ones(array.size), clusters, resamples, seed)
    return Estimate(mean, *bounds(draws, confidence))


def macro_f1(gold: ArrayLike, predicted: ArrayLike, classes: int, weights: ArrayLike | None = None) -> Floats:
    """Average F1 over the classes that occur among the gold answers.

    Classes without a gold item are left out, so that base and candidate are averaged over the same classes
    whatever they predict; a wrong guess of such a class still counts as a miss of the right one.

    Args:
        gold: shape (items,), class numbers.
        predicted: shape (items,), class numbers; -1 means no answer.
        classes: number of classes.
        weights: shape (resamples, items), how often each item counts; None means once.

    Returns:
        Shape (resamples,), or (1,) without weights.

    Source: F1 = 2 tp / (gold + predicted) per class; macro average as in Manning et al. 2008, 13.6.
    """
    right, guess = np.asarray(gold), np.asarray(predicted)
    table = np.ones((1, right.size)) if weights is None else np.asarray(weights, dtype=np.float64)
    is_gold = (right[:, None] == np.arange(classes)).astype(np.float64)
    is_guess = (guess[:, None] == np.arange(classes)).astype(np.float64)
    hits, golds, guesses = table @ (is_gold * is_guess), table @ is_gold, table @ is_guess
    present = golds > 0
    scores = np.where(present, 2 * hits / np.maximum(golds + guesses, 1), 0.0)
    result: Floats = scores.sum(axis=1) / np.maximum(present.sum(axis=1), 1)
    return result


@dataclass(frozen=True)
class Comparison:
    """Base, candidate, and the paired difference of one metric."""

    base: Estimate
    candidate: Estimate
    difference: Estimate


def compare_macro_f1(
    gold: Sequence[int],
    base: Sequence[int],
    candidate: Sequence[int],
    *,
    classes: int,
    confidence: float = 0.95,
    resamples: int = 10_000,
    seed: int = 0,
    clusters: Sequence[Hashable] | None = None,
) -> Comparison:
    """Bootstrap macro-F1 of both models on the same resamples of items.

    Args:
        gold: right class per item.
        base: the base's class per item, -1 for none.
        candidate: the candidate's class per item, -1 for none.
        classes: number of classes.
        confidence: level of the intervals.
        resamples: bootstrap resamples.
        seed: seed of the resamples.
        clusters: one label per item, or None.
    """
    index = cluster_index(clusters, len(gold))
    groups = int(index.max()) + 1
    generator = np.random.default_rng(seed)
    chunk = max(1, _CELLS_AT_ONCE // (len(gold) + classes))
    draws: list[Floats] = []
    for start in range(0, resamples, chunk):
        weights = resample_weights(groups, min(chunk, resamples - start), generator)[:, index]
        draws.append(np.stack([macro_f1(gold, guess, classes, weights) for guess in (base, candidate)], axis=1))
    table = np.concatenate(draws)
    values = [float(macro_f1(gold, guess, classes)[0]) for guess in (base, candidate)]
    return Comparison(
        Estimate(values[0], *bounds(table[:, 0], confidence)),
        Estimate(values[1], *bounds(table[:, 1], confidence)),
        Estimate(values[1] - values[0], *bounds(table[:, 1] - table[:, 0], confidence)),
    )


def compare_log_perplexity(
    base_nll: ArrayLike,
    candidate_nll: ArrayLike,
    tokens: ArrayLike,
    *,
    confidence: float = 0.95,
    resamples: int = 10_000,
    seed: int = 0,
    clusters: Sequence[Hashable] | None = None,
) -> Comparison:
    """Bootstrap the mean negative log-likelihood per token of both models over items.

    Perplexity is exp of these values; exp of the difference is the ratio of perplexities.

    Args:
        base_nll: shape (items,), summed negative log-likelihood of each answer, nats.
        candidate_nll: shape (items,), the same under the candidate.
        tokens: shape (items,), tokens per answer.
        confidence: level of the intervals.
        resamples: bootstrap resamples.
        seed: seed of the resamples.
        clusters: one label per item, or None.

    Source: perplexity = exp(sum of NLL / number of tokens), Jelinek et al. 1977.
    """
    base, candidate = np.asarray(base_nll, dtype=np.float64), np.asarray(candidate_nll, dtype=np.float64)
    columns = np.stack([base, candidate, candidate - base], axis=1)
    values = columns.sum(axis=0) / np.asarray(tokens, dtype=np.float64).sum()
    draws = ratio_draws(columns, tokens, clusters, resamples, seed)
    estimates = [Estimate(float(values[k]), *bounds(draws[:, k], confidence)) for k in range(3)]
    return Comparison(*estimates)


def items_needed(
    distance: float, spread: float, *, confidence: float = 0.95, power: float = 0.8, most: int = 1_000_000
) -> int | None:
    """Tell how many items would decide a gate if the observed effect is the true one.

    Args:
        distance: observed paired difference minus the gate's threshold.
        spread: standard deviation of the paired differences per item.
        confidence: level of the gate's interval.
        power: chance that so many items bring a decision.
        most: above this, more items are no practical answer.

    Returns:
        Number of items, or None where the effect sits on the threshold.

    Source: n = ((z_confidence + z_power) s / distance)**2, normal approximation; Chow et al. 2008, chapter 3.
    """
    if distance == 0 or not math.isfinite(distance) or not math.isfinite(spread):
        return None
    z = z_value(confidence) + NormalDist().inv_cdf(power)
    needed = max(1, math.ceil((z * spread / distance) ** 2))
    return needed if needed <= most else None


def mcnemar(gained: int, lost: int) -> float:
    """Return the exact two-sided p value that gains and losses are equally likely.

    Source: McNemar 1947; exact binomial form, P(X <= min) doubled, at most 1.
    """
    from scipy.stats import binomtest

    return float(binomtest(min(gained, lost), gained + lost).pvalue) if gained + lost else 1.0
