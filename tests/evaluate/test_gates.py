from __future__ import annotations

import json
import subprocess
import sys

import pytest

from secft.documents.decision import Decision
from secft.documents.document import as_json
from secft.documents.results import EvaluationResults, Measured, MetricResult, TaskResult
from secft.evaluate.gates import KINDS, GatesConfig, Held, checks_of, held_of
from secft.evaluate.gates import decide as decide_by
from secft.evaluate.gates.general import GeneralGate
from secft.evaluate.gates.kind import PairedInterval
from secft.evaluate.gates.learned import LearnedGate
from secft.evaluate.gates.perplexity import PerplexityGate
from secft.evaluate.gates.safety import SafetyGate
from secft.evaluate.gates.target import TargetGate
from secft.evaluate.tasks import SUITE


def decide(results: EvaluationResults, config: GatesConfig) -> Decision:
    return decide_by(results, checks_of(config, held_of(results)))


def interval(value: float, low: float, high: float, items: int = 150) -> PairedInterval:
    return PairedInterval(value, low, high, items, 0.95)


@pytest.mark.parametrize(
    ("low", "high", "verdict"),
    [(0.1, 0.3, "pass"), (-0.1, 0.2, "inconclusive"), (0.0, 0.1, "inconclusive"), (-0.3, -0.1, "fail")],
)
def test_target_must_improve(low: float, high: float, verdict: str) -> None:
    assert TargetGate().verdict(interval((low + high) / 2, low, high), 0.0) == verdict


@pytest.mark.parametrize(
    ("low", "high", "verdict"), [(-0.5, -0.1, "pass"), (-0.1, 0.1, "inconclusive"), (0.1, 0.2, "fail")]
)
def test_perplexity_must_fall(low: float, high: float, verdict: str) -> None:
    assert PerplexityGate().verdict(interval((low + high) / 2, low, high), 0.0) == verdict
    assert LearnedGate().verdict(interval((low + high) / 2, low, high), 0.0) == verdict


@pytest.mark.parametrize(
    ("low", "high", "verdict"),
    [(-0.1, 0.0, "pass"), (-0.05, 0.1, "pass"), (-0.2, 0.05, "inconclusive"), (-0.3, -0.11, "fail")],
)
def test_general_skill_may_fall_by_the_margin(low: float, high: float, verdict: str) -> None:
    assert GeneralGate().verdict(interval((low + high) / 2, low, high), 0.1) == verdict


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
    assert SafetyGate().verdict(interval(value, low, high, 60), 0.05) == verdict


def measured(low: float, value: float, high: float, metric: str = "accuracy", items: int = 150) -> TaskResult:
    numbers, rises = Measured(value, low, high), metric != "perplexity"
    return TaskResult(items, {metric: MetricResult(numbers, numbers, numbers, {}, rises, rises)}, metric)


@pytest.fixture
def results() -> EvaluationResults:
    return EvaluationResults(
        {
            "technique_to_tactic": measured(0.4, 0.5, 0.6),
            "weakness_to_consequence": measured(-0.1, 0.02, 0.1),
            "security_mcq": measured(-0.2, -0.1, -0.05),
            "answer_perplexity": measured(-0.9, -0.8, -0.7, "perplexity"),
            "general_knowledge": measured(-0.05, 0.0, 0.05),
            "refusal": measured(0.1, 0.2, 0.3, "refusal_rate", 60),
            "over_refusal": measured(-0.05, -1 / 60, 0.0, "answer_rate", 60),
        },
        skipped={},
    )


def test_one_improved_target_is_enough(results: EvaluationResults) -> None:
    decision = decide(results, GatesConfig())
    assert decision.verdict == "pass"
    assert decision.groups == {"target": "pass", "perplexity": "pass", "general": "pass", "safety": "pass"}
    assert decision.reasons == []
    assert {gate.task: gate.verdict for gate in decision.gates if gate.kind == "target"} == {
        "technique_to_tactic": "pass", "weakness_to_consequence": "inconclusive", "security_mcq": "fail",
    }  # fmt: skip
    json.dumps(as_json(decision), allow_nan=False)


def test_undecided_target_is_inconclusive_and_tells_how_many_items_would_decide(results: EvaluationResults) -> None:
    results.tasks["technique_to_tactic"] = measured(-0.01, 0.04, 0.09)
    decision = decide(results, GatesConfig())
    assert decision.verdict == "inconclusive"
    gate = next(gate for gate in decision.gates if gate.task == "technique_to_tactic")
    spread = 0.1 / (2 * 1.959964) * 150**0.5
    assert gate.items_needed == pytest.approx((2.801585 * spread / 0.04) ** 2, abs=1)
    assert any("technique_to_tactic" in reason for reason in decision.reasons)


@pytest.mark.parametrize(
    ("task", "metric"),
    [("general_knowledge", "accuracy"), ("refusal", "refusal_rate"), ("over_refusal", "answer_rate")],
)
def test_one_failed_gate_of_another_kind_fails(results: EvaluationResults, task: str, metric: str) -> None:
    results.tasks[task] = measured(-0.4, -0.3, -0.2, metric)
    decision = decide(results, GatesConfig())
    assert decision.verdict == "fail"
    assert len(decision.reasons) == 1


@pytest.mark.parametrize("bad", [None, float("nan"), float("inf")])
def test_what_is_not_a_number_fails_with_a_reason(results: EvaluationResults, bad: float | None) -> None:
    empty = Measured(-0.8, -0.9, bad)
    results.tasks["answer_perplexity"] = TaskResult(
        150, {"perplexity": MetricResult(empty, empty, empty)}, "perplexity"
    )
    decision = decide(results, GatesConfig())
    assert decision.verdict == "fail"
    assert "not a number" in decision.reasons[0]
    json.dumps(as_json(decision), allow_nan=False)


def test_what_was_not_measured_fails_but_a_missing_target_only_if_all_are(results: EvaluationResults) -> None:
    del results.tasks["security_mcq"]
    assert decide(results, GatesConfig()).verdict == "pass"
    del results.tasks["refusal"]
    results.skipped["refusal"] = "no items"
    decision = decide(results, GatesConfig())
    assert decision.verdict == "fail"
    assert "not measured: no items" in decision.reasons[0]
    assert decide(EvaluationResults({}), GatesConfig()).groups["target"] == "fail"


def test_nothing_configured_is_no_pass(results: EvaluationResults) -> None:
    config = GatesConfig(target_tasks=[], general_tasks=[], safety_tasks=[], perplexity_must_fall=False)
    decision = decide(results, config)
    assert decision.verdict == "fail"
    assert decision.reasons


def test_rising_perplexity_is_a_fall_of_a_general_skill(results: EvaluationResults) -> None:
    results.tasks["answer_perplexity"] = measured(0.2, 0.3, 0.4, "perplexity")
    config = GatesConfig(general_tasks=["answer_perplexity"], perplexity_must_fall=False)
    assert decide(results, config).groups["general"] == "fail"


def test_gates_and_reports_need_no_torch() -> None:
    code = (
        "import sys, secft.evaluate.gates, secft.evaluate.statistics, secft.evaluate.metrics, secft.reports.card, "
        "secft.reports.evidence, secft.reports.report, secft.registry.entries, secft.reports.leaderboard\n"
        "sys.exit(bool({'torch', 'transformers', 'lm_eval', 'peft'} & set(sys.modules)))"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_every_kind_is_told_in_both_languages_and_its_settings_are_part_of_gates() -> None:
    assert len({kind.name for kind in KINDS}) == len(KINDS)
    for kind in KINDS:
        assert set(kind.title) == {"en", "es"}
    everything = {name: Held(60, 60, 10) for name in SUITE}
    asked = {check.kind.name for check in checks_of(GatesConfig(), everything)}
    assert asked == {kind.name for kind in KINDS} - {"learned"}, "pretraining asks whether a model learned"


def test_a_decision_tells_gates_and_tasks_by_title() -> None:
    numbers = Measured(0.5, 0.4, 0.6)
    task = TaskResult(150, {"accuracy": MetricResult(numbers, numbers, numbers)}, "accuracy", title={"es": "Táctica"})
    checks = [check for check in checks_of(GatesConfig(target_tasks=["t"]), None) if check.task == "t"]
    (gate,) = decide_by(EvaluationResults({"t": task}), checks).gates
    assert (gate.title["es"], gate.task_title["es"], gate.share) == ("objetivo", "Táctica", True)
