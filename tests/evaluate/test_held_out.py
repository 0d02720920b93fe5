"""What a dataset holds out is measured whatever its source calls it."""

from __future__ import annotations

from typing import Any

import pytest

from secft.evaluate.gates import GatesConfig, Held, checks_of, decide, held_of
from secft.evaluate.gates.matching import MatchingGate
from secft.evaluate.gates.target import auto_targets
from secft.evaluate.held_out import HeldOut
from secft.evaluate.items import build_items
from secft.evaluate.metrics import Bootstrap
from secft.evaluate.tasks import SUITE, TASKS
from secft.records import tool_call
from tests.evaluate.conftest import example


def row(task: str, number: int, answer: str, **more: Any) -> dict[str, Any]:
    made = example(task, number, f"Question {task} {number}?", answer, more.pop("choices", ()))
    return {**made, "family": f"F{number}", "rejected": "", **more}


def called(number: int) -> dict[str, Any]:
    made = row("chat", number, "")
    made["messages"][-1]["tool_calls"] = [tool_call("nmap", {"host": f"h{number}"})]
    return made


def asked(rows: list[dict[str, Any]]) -> dict[str, int]:
    return {task: len(items) for task, items in build_items(SUITE, rows, {}, 7).items() if items}


OWN = {"over_refusal", "refusal", "general_knowledge"}


@pytest.mark.parametrize(
    ("rows", "measured"),
    [
        ([row("chat", n, f"A long answer about subject number {n}.") for n in range(9)],
         {"answer_perplexity": 9, "answer_similarity": 9, "answer_matching": 8}),
        ([row("severity", n, ("Low", "High")[n % 2], choices=("Low", "High")) for n in range(9)], {"choices": 9}),
        ([row("triage of mail", n, ("phishing", "spam", "clean")[n % 3]) for n in range(9)], {"labels": 9}),
        ([row("chat", n, f"Good {n}", rejected=f"Bad {n}") for n in range(9)], {"preference_margin": 9}),
        ([called(n) for n in range(9)], {"tool_calls": 9}),
        ([row("general", n, f"Small talk number {n}.") for n in range(9)], {}),
        ([row("general", n, f"Our own answer number {n}.", source="jsonl") for n in range(9)],
         {"answer_perplexity": 9, "answer_similarity": 9, "answer_matching": 8}),
    ],
    ids=["answers", "choices", "labels", "pairs", "calls", "added by secft", "own rows of that name"],
)  # fmt: skip
def test_every_form_of_example_is_measured(rows: list[dict[str, Any]], measured: dict[str, int]) -> None:
    found = asked(rows)
    assert {task: count for task, count in found.items() if task not in OWN} == measured


@pytest.mark.parametrize(
    "answers",
    [
        [f"label {n}" for n in range(9)],  # each occurs once
        ["one"] * 9,  # nothing to choose from
        [f"{'x' * 90} {n % 2}" for n in range(9)],  # no short answers
        [f"a\nb {n % 2}" for n in range(9)],
    ],
)
def test_answers_that_are_no_labels(answers: list[str]) -> None:
    rows = [row("chat", number, answer) for number, answer in enumerate(answers)]
    assert HeldOut(rows).labels == {}


def test_labels_are_offered_with_the_most_frequent_others() -> None:
    rows = [row("kind", n, f"label {n % 20:02d}") for n in range(80)]
    items = build_items(["labels"], rows, {}, 7)["labels"]
    assert {len(item.choices) for item in items} == {8}
    assert all(item.choices[item.answer] == item.reference for item in items)


def test_items_of_a_group_offer_the_same_answers_and_are_drawn_together() -> None:
    rows = [row("chat", n, f"An answer about subject number {n}.") for n in range(23)]
    items = build_items(["answer_matching"], rows, {"answer_matching": 11}, 7)["answer_matching"]
    assert len(items) == 8
    for start in (0, 4):
        group = items[start : start + 4]
        assert len({item.choices for item in group}) == 1
        assert sorted(item.reference for item in group) == list(group[0].choices)


def matching_rows(tables: list[list[list[float]]]) -> list[dict[str, Any]]:
    """Lines of eval/answer_matching.jsonl: item k of a group has the answer k."""
    rows = []
    for group, table in enumerate(tables):
        for number, line in enumerate(table):
            answer = {"loglikelihoods": line, "prediction": 0, "correct": False}
            rows.append({"id": f"{group}:{number}", "family": f"{group}:{number}", "base": answer,
                         "candidate": answer, "choices": [f"{group} a", f"{group} b"], "gold": number})  # fmt: skip
    return rows


def test_an_answer_is_found_by_what_its_question_adds() -> None:
    # The first answer is likelier everywhere, the questions tell them apart all the same.
    rows = TASKS["answer_matching"].request.judged(matching_rows([[[-10, -30], [-12, -25]]] * 10))
    assert all(line["candidate"]["correct"] for line in rows)
    swapped = TASKS["answer_matching"].request.judged(matching_rows([[[-12, -25], [-10, -30]]] * 10))
    assert not any(line["candidate"]["correct"] for line in swapped)
    missing = TASKS["answer_matching"].request.judged(matching_rows([[[-12, None], [-10, -30]]]))  # type: ignore[list-item]
    assert not any(line["candidate"]["correct"] for line in missing)


def test_the_gate_of_matching_compares_the_candidate_with_chance() -> None:
    right, wrong = [[-10.0, -30.0], [-12.0, -25.0]], [[-12.0, -25.0], [-10.0, -30.0]]
    for tables, verdict in (
        ([right] * 10, "pass"),
        ([right, wrong] * 10, "fail"),
        ([right, wrong] * 2, "inconclusive"),
    ):
        rows = TASKS["answer_matching"].request.judged(matching_rows(tables))
        result = TASKS["answer_matching"].compare(rows, Bootstrap(resamples=500))
        gate = MatchingGate().judge("answer_matching", _results(answer_matching=result), 0.0)
        assert gate.verdict == verdict, tables


def _results(**tasks: Any) -> Any:
    from secft.documents.results import EvaluationResults

    return EvaluationResults(tasks)


def pair_rows(gains: list[float]) -> list[dict[str, Any]]:
    return [
        {"id": str(n), "family": str(n), "choices": ["good", "bad"], "gold": 0,
         "base": {"loglikelihoods": [-20.0, -20.0]}, "candidate": {"loglikelihoods": [-20.0 + gain, -20.0]}}
        for n, gain in enumerate(gains)
    ]  # fmt: skip


@pytest.mark.parametrize(("gains", "value"), [([1.0] * 20, 1.0), ([-1.0] * 20, 0.0), ([0.0] * 20, 0.5)])
def test_margins_are_told_by_what_training_changed(gains: list[float], value: float) -> None:
    task = TASKS["preference_margin"]
    result = task.compare(task.request.judged(pair_rows(gains)), Bootstrap(resamples=200))
    assert result.metrics["margin_accuracy"].candidate.value == value
    assert result.metrics["margin_accuracy"].base.value == 0.5


def test_targets_are_what_the_dataset_teaches() -> None:
    held = {"labels": Held(50, 50, 400), "choices": Held(80, 80, 0), "answer_perplexity": Held(60, 60, 900)}
    assert auto_targets(held) == ["labels"], "what is not taught is no target"
    assert auto_targets({"answer_perplexity": Held(60, 60, 900), "answer_matching": Held(60, 60, 900)}) == [
        "answer_perplexity"
    ]
    many = {name: Held(50, 50, 10 + len(name)) for name in SUITE}
    assert len(auto_targets(many)) == 3


def test_a_dataset_that_teaches_nothing_it_holds_out_is_no_pass() -> None:
    decision = decide(_results(), checks_of(GatesConfig(), held_of(_results())))
    assert decision.verdict == "fail"
    assert any("teaches no kind" in reason for reason in decision.reasons)


@pytest.mark.parametrize("value", ["auto", ["auto"]])
def test_auto_is_a_word_or_a_list(value: Any) -> None:
    held = {"labels": Held(50, 50, 400)}
    asked = [check.task for check in checks_of(GatesConfig(target_tasks=value), held) if check.kind.name == "target"]
    assert asked == ["labels"]
