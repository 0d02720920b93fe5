from __future__ import annotations

import json
import subprocess
import sys
from typing import Any

import pytest

from secft.config.judging import GatesConfig
from secft.evaluate.gates import (
    Interval,
    decide,
    general_verdict,
    perplexity_verdict,
    safety_verdict,
    target_verdict,
)


def interval(value: float, low: float, high: float, items: int = 150) -> Interval:
    return Interval(value, low, high, items, 0.95)


@pytest.mark.parametrize(
    ("low", "high", "verdict"),
    [(0.1, 0.3, "pass"), (-0.1, 0.2, "inconclusive"), (0.0, 0.1, "inconclusive"), (-0.3, -0.1, "fail")],
)
def test_target_must_improve(low: float, high: float, verdict: str) -> None:
    assert target_verdict(interval((low + high) / 2, low, high), 0.0) == verdict


@pytest.mark.parametrize(
    ("low", "high", "verdict"), [(-0.5, -0.1, "pass"), (-0.1, 0.1, "inconclusive"), (0.1, 0.2, "fail")]
)
def test_perplexity_must_fall(low: float, high: float, verdict: str) -> None:
    assert perplexity_verdict(interval((low + high) / 2, low, high)) == verdict


@pytest.mark.parametrize(
    ("low", "high", "verdict"),
    [(-0.1, 0.0, "pass"), (-0.05, 0.1, "pass"), (-0.2, 0.05, "inconclusive"), (-0.3, -0.11, "fail")],
)
def test_general_skill_may_fall_by_the_margin(low: float, high: float, verdict: str) -> None:
    assert general_verdict(interval((low + high) / 2, low, high), 0.1) == verdict


@pytest.mark.parametrize(
    ("value", "low", "high", "verdict"),
    [
        (0.0, -0.06, 0.06, "pass"),  # nothing changed in 60 items
        (0.2, 0.1, 0.3, "pass"),
        (0.02, -0.07, 0.1, "pass"),  # no fall observed
        (-1 / 60, -0.05, 0.0, "pass"),  # any fall is within the margin
        (-2 / 60, -0.083, 0.0, "inconclusive"),
        (-0.02, -0.04, -0.01, "pass"),  # certain, and certainly within the margin
        (-0.04, -0.07, -0.01, "fail"),  # certain, perhaps beyond the margin
        (-0.1, -0.2, 0.02, "fail"),  # larger than the margin as observed
    ],
)
def test_safety_may_not_get_worse(value: float, low: float, high: float, verdict: str) -> None:
    assert safety_verdict(interval(value, low, high, 60), 0.05) == verdict


def measured(low: float, value: float, high: float, metric: str = "accuracy", items: int = 150) -> dict[str, Any]:
    return {"items": items, "metrics": {metric: {"difference": {"value": value, "low": low, "high": high}}}}


@pytest.fixture
def results() -> dict[str, Any]:
    return {
        "confidence": 0.95,
        "tasks": {
            "technique_to_tactic": measured(0.4, 0.5, 0.6),
            "weakness_to_consequence": measured(-0.1, 0.02, 0.1),
            "security_mcq": measured(-0.2, -0.1, -0.05),
            "answer_perplexity": measured(-0.9, -0.8, -0.7, "perplexity"),
            "general_knowledge": measured(-0.05, 0.0, 0.05),
            "refusal": measured(0.1, 0.2, 0.3, "refusal_rate", 60),
            "over_refusal": measured(-0.05, -1 / 60, 0.0, "answer_rate", 60),
        },
    }


def test_one_improved_target_is_enough(results: dict[str, Any]) -> None:
    decision = decide(results, GatesConfig())
    assert decision["verdict"] == "pass"
    assert decision["groups"] == {"target": "pass", "perplexity": "pass", "general": "pass", "safety": "pass"}
    assert decision["reasons"] == []
    assert [gate["verdict"] for gate in decision["gates"]][:3] == ["pass", "inconclusive", "fail"]
    json.dumps(decision, allow_nan=False)


def test_undecided_target_is_inconclusive_and_tells_how_many_items_would_decide(results: dict[str, Any]) -> None:
    results["tasks"]["technique_to_tactic"] = measured(-0.01, 0.04, 0.09)
    decision = decide(results, GatesConfig())
    assert decision["verdict"] == "inconclusive"
    gate = decision["gates"][0]
    spread = 0.1 / (2 * 1.959964) * 150**0.5
    assert gate["items_needed"] == pytest.approx((2.801585 * spread / 0.04) ** 2, abs=1)
    assert "technique_to_tactic" in decision["reasons"][0]


@pytest.mark.parametrize(
    ("task", "metric"),
    [("general_knowledge", "accuracy"), ("refusal", "refusal_rate"), ("over_refusal", "answer_rate")],
)
def test_one_failed_gate_of_another_kind_fails(results: dict[str, Any], task: str, metric: str) -> None:
    results["tasks"][task] = measured(-0.4, -0.3, -0.2, metric)
    decision = decide(results, GatesConfig())
    assert decision["verdict"] == "fail"
    assert len(decision["reasons"]) == 1


@pytest.mark.parametrize("bad", [None, float("nan"), float("inf")])
def test_what_is_not_a_number_fails_with_a_reason(results: dict[str, Any], bad: float | None) -> None:
    results["tasks"]["answer_perplexity"]["metrics"]["perplexity"]["difference"]["high"] = bad
    decision = decide(results, GatesConfig())
    assert decision["verdict"] == "fail"
    assert "not a number" in decision["reasons"][0]
    json.dumps(decision, allow_nan=False)


def test_what_was_not_measured_fails_but_a_missing_target_only_if_all_are(results: dict[str, Any]) -> None:
    del results["tasks"]["security_mcq"]
    assert decide(results, GatesConfig())["verdict"] == "pass"
    del results["tasks"]["refusal"]
    results["skipped"] = {"refusal": "no items"}
    decision = decide(results, GatesConfig())
    assert decision["verdict"] == "fail"
    assert "not measured: no items" in decision["reasons"][0]
    assert decide({}, GatesConfig())["groups"]["target"] == "fail"


def test_nothing_configured_is_no_pass(results: dict[str, Any]) -> None:
    config = GatesConfig(target_tasks=[], general_tasks=[], safety_tasks=[], perplexity_must_fall=False)
    decision = decide(results, config)
    assert decision["verdict"] == "fail"
    assert decision["reasons"]


def test_rising_perplexity_is_a_fall_of_a_general_skill(results: dict[str, Any]) -> None:
    results["tasks"]["answer_perplexity"] = measured(0.2, 0.3, 0.4, "perplexity")
    config = GatesConfig(general_tasks=["answer_perplexity"], perplexity_must_fall=False)
    assert decide(results, config)["groups"]["general"] == "fail"


def test_gates_and_papers_need_no_torch() -> None:
    code = (
        "import sys, secft.evaluate.gates, secft.evaluate.statistics, secft.evaluate.compare, secft.release.card, "
        "secft.release.evidence, secft.release.report, secft.release.registry, secft.release.leaderboard\n"
        "sys.exit(bool({'torch', 'transformers', 'lm_eval', 'peft'} & set(sys.modules)))"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
