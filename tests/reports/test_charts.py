from __future__ import annotations

import xml.etree.ElementTree as ET

import pytest

from secft.documents.dataset_manifest import FunnelStep
from secft.reports.charts import before_after, funnel, nice_ticks, smoothed, training_curve
from secft.reports.figures import result_rows
from tests.reports.conftest import results, titled


@pytest.mark.parametrize(
    ("low", "high"), [(0, 1), (1.2, 4.1), (0, 60.3), (-3, 7), (2.0, 2.0), (0, 1e-6), (0, 3e9), (0.993, 1.004)]
)
def test_ticks_are_round_few_and_cover_the_range(low: float, high: float) -> None:
    ticks = nice_ticks(low, high)
    assert ticks[0] <= low + 1e-12
    assert ticks[-1] >= high - 1e-9 * abs(high)
    assert 2 <= len(ticks) <= 8
    assert ticks == sorted(set(ticks))


def test_smoothing_averages_neighbours() -> None:
    assert smoothed([(1, 1.0), (2, 4.0), (3, 7.0)], 1) == [(1, 2.5), (2, 4.0), (3, 5.5)]


def test_charts_are_well_formed_and_tell_their_numbers() -> None:
    rows = result_rows(titled(results()))
    charts = [
        before_after([row for row in rows if row.share], "shares"),
        before_after([row for row in rows if not row.share], "perplexities"),
        training_curve([{"step": step, "loss": 4 / step} for step in range(1, 30)] + [{"step": 29, "eval_loss": 0.3}]),
        funnel([FunnelStep("a & b <c>", 10, 4, {"x": 6})]),
    ]
    for chart in charts:
        tree = ET.fromstring(str(chart))
        assert tree.find("title").text  # type: ignore[union-attr]
        assert tree.find("desc").text  # type: ignore[union-attr]
    assert "71.0 %" in str(charts[0])
    assert "a &amp; b &lt;c&gt;" in str(charts[3])


@pytest.mark.parametrize(
    "metrics", [[], [{"step": 1, "loss": 1.0}], [{"step": 1, "loss": float("nan")}, {"step": 2, "loss": None}]]
)
def test_training_curve_without_losses_says_so(metrics: list[dict[str, float]]) -> None:
    assert "Too few" in str(training_curve(metrics))


def test_constant_loss_and_empty_funnel_draw() -> None:
    ET.fromstring(str(training_curve([{"step": 1, "loss": 2.0}, {"step": 2, "loss": 2.0}])))
    assert "no steps" in str(funnel([]))


def test_rewards_are_drawn_in_place_of_losses() -> None:
    rows = [{"step": step, "loss": 0.001, "reward": step / 10} for step in range(1, 9)]
    drawn = str(training_curve([*rows, {"step": 8, "eval_loss": -0.75, "eval_reward": 0.75}]))
    assert "Reward during training" in drawn
    assert "Training reward: 0.100 at step 1, 0.800 at step 8, highest 0.800 at step 8" in drawn
    assert "Validation reward: 0.750 at step 8" in drawn
