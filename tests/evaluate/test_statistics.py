from __future__ import annotations

import itertools
import math

import numpy as np
import pytest

from secft.evaluate.statistics import (
    Estimate,
    cluster_index,
    compare_log_perplexity,
    compare_macro_f1,
    items_needed,
    macro_f1,
    mcnemar,
    mean_interval,
    paired_difference,
    ratio_draws,
    wilson,
    z_value,
)


@pytest.mark.parametrize(
    ("successes", "items", "low", "high"),
    [(0, 10, 0.0, 0.27753), (10, 10, 0.72247, 1.0), (5, 10, 0.23659, 0.76341), (15, 148, 0.06239, 0.16049)],
)
def test_wilson_agrees_with_published_values(successes: int, items: int, low: float, high: float) -> None:
    found = wilson(successes, items)
    assert found.value == successes / items
    assert (found.low, found.high) == pytest.approx((low, high), abs=6e-5)


def test_wilson_bounds_solve_the_score_equation() -> None:
    found, z = wilson(7, 40, 0.9), z_value(0.9)
    for bound in (found.low, found.high):
        assert abs(found.value - bound) == pytest.approx(z * math.sqrt(bound * (1 - bound) / 40))


def test_wilson_refuses_what_is_no_proportion() -> None:
    for successes, items in ((1, 0), (3, 2), (-1, 2)):
        with pytest.raises(ValueError, match="not a proportion"):
            wilson(successes, items)


def test_mean_interval_is_the_textbook_one() -> None:
    found = mean_interval([1.0, 2.0, 3.0, 4.0])
    half = 1.959964 * math.sqrt(5 / 3) / 2
    assert (found.value, found.low, found.high) == pytest.approx((2.5, 2.5 - half, 2.5 + half))
    with pytest.raises(ValueError, match="two values"):
        mean_interval([1.0])


def test_paired_difference_counts_agree_with_item_by_item_resampling() -> None:
    signs = [1] * 20 + [-1] * 8 + [0] * 72
    fast = paired_difference(signs, resamples=40_000)
    draws = ratio_draws(signs, np.ones(100), None, 40_000, 5)
    assert fast.value == pytest.approx(0.12)
    assert fast.low == pytest.approx(np.quantile(draws, 0.025), abs=0.011)
    assert fast.high == pytest.approx(np.quantile(draws, 0.975), abs=0.011)


def test_paired_difference_is_repeatable_and_depends_on_the_seed() -> None:
    signs = np.random.default_rng(0).normal(size=40)
    one = paired_difference(signs, seed=1, resamples=500)
    assert one == paired_difference(signs, seed=1, resamples=500)
    assert one != paired_difference(signs, seed=2, resamples=500)


def test_no_observed_change_is_not_certainty() -> None:
    found = paired_difference([0] * 60)
    exact = 1 - 0.025 ** (1 / 60)
    assert found == Estimate(0.0, pytest.approx(-exact), pytest.approx(exact))
    assert paired_difference([1, 1, 1]).high == 1.0


def test_items_of_a_cluster_are_not_independent_evidence() -> None:
    signs = [1] * 10 + [0] * 10
    clusters = [f"c{k // 5}" for k in range(20)]
    alone, together = paired_difference(signs), paired_difference(signs, clusters=clusters)
    assert together.high - together.low > 1.5 * (alone.high - alone.low)


def test_paired_difference_needs_items_and_one_label_each() -> None:
    with pytest.raises(ValueError, match="no items"):
        paired_difference([])
    with pytest.raises(ValueError, match="labels"):
        cluster_index(["a"], 2)


@pytest.mark.parametrize(("lost", "gained"), [(0.1, 0.1), (0.05, 0.2), (0.02, 0.4)])
def test_interval_of_the_paired_difference_covers_the_truth(lost: float, gained: float) -> None:
    dice = np.random.default_rng(11)
    truth, hits, trials = gained - lost, 0, 400
    for trial in range(trials):
        signs = dice.choice([-1, 0, 1], size=150, p=[lost, 1 - lost - gained, gained])
        found = paired_difference(signs, resamples=1000, seed=trial)
        hits += found.low <= truth <= found.high
    assert 0.91 <= hits / trials <= 0.985


def test_wilson_interval_covers_the_truth() -> None:
    dice = np.random.default_rng(12)
    for truth in (0.05, 0.3, 0.7):
        counts = dice.binomial(120, truth, size=2000)
        found = [wilson(int(count), 120) for count in counts]
        assert 0.925 <= np.mean([one.low <= truth <= one.high for one in found]) <= 0.98


def slow_macro_f1(gold: list[int], predicted: list[int]) -> float:
    scores = []
    for name in sorted(set(gold)):
        hits = sum(g == p == name for g, p in zip(gold, predicted, strict=True))
        precision = hits / max(sum(p == name for p in predicted), 1)
        recall = hits / sum(g == name for g in gold)
        scores.append(2 * precision * recall / (precision + recall) if hits else 0.0)
    return sum(scores) / len(scores)


def test_macro_f1_agrees_with_precision_and_recall() -> None:
    dice = np.random.default_rng(2)
    for _ in range(50):
        gold, predicted = dice.integers(0, 5, 30).tolist(), dice.integers(-1, 6, 30).tolist()
        assert macro_f1(gold, predicted, 6)[0] == pytest.approx(slow_macro_f1(gold, predicted))


def test_macro_f1_of_weights_is_macro_f1_of_repeated_items() -> None:
    gold, predicted, weights = [0, 1, 2, 1], [0, 2, 2, 1], [3, 0, 2, 1]
    repeated = [list(itertools.chain(*([v] * w for v, w in zip(x, weights, strict=True)))) for x in (gold, predicted)]
    assert macro_f1(gold, predicted, 3, [weights])[0] == pytest.approx(slow_macro_f1(*repeated))


def test_comparison_of_macro_f1_is_paired() -> None:
    gold = [0, 1, 2] * 40
    base = [0, 1, 0] * 40
    same = compare_macro_f1(gold, base, base, classes=3, resamples=500)
    assert same.difference == Estimate(0.0, 0.0, 0.0)
    better = compare_macro_f1(gold, base, gold, classes=3, resamples=500)
    assert better.difference.low > 0
    assert better.candidate.value == 1.0


def test_log_perplexity_weights_items_by_their_tokens() -> None:
    found = compare_log_perplexity([10.0, 90.0], [5.0, 45.0], [10, 30], resamples=300)
    assert found.base.value == pytest.approx(100 / 40)
    assert found.difference.value == pytest.approx(-50 / 40)
    assert found.difference.high < 0


def test_items_needed_decides_when_there_are_so_many() -> None:
    needed = items_needed(0.03, 0.4)
    assert needed == math.ceil(((1.959964 + 0.841621) * 0.4 / 0.03) ** 2)
    assert items_needed(0.0, 0.4) is None
    assert items_needed(float("nan"), 0.4) is None
    assert items_needed(1e-6, 0.4) is None
    dice, decided = np.random.default_rng(4), 0
    for _ in range(300):
        decided += mean_interval(dice.normal(0.03, 0.4, needed)).low > 0
    assert 0.7 <= decided / 300 <= 0.9


@pytest.mark.parametrize(("gained", "lost", "p"), [(0, 0, 1.0), (5, 5, 1.0), (10, 0, 2 / 1024), (8, 2, 112 / 1024)])
def test_mcnemar_is_the_exact_binomial_test(gained: int, lost: int, p: float) -> None:
    assert mcnemar(gained, lost) == pytest.approx(p)
    assert mcnemar(lost, gained) == mcnemar(gained, lost)
