"""results.json, gates.json and run.json: those of earlier versions are still read."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest

from secft.documents.decision import read_decision
from secft.documents.document import as_json
from secft.documents.results import Measured, read_results, results_from_json
from secft.documents.run_record import read_run_record
from secft.errors import InputError

NUMBERS = {"value": 0.5, "low": 0.4, "high": 0.6}


def numbers(**more: Any) -> dict[str, Any]:
    return {"base": NUMBERS, "candidate": NUMBERS, "difference": {"value": 0.0, "low": -0.1, "high": 0.1}, **more}


def test_results_of_format_1_are_read(tmp_path: Path) -> None:
    path = tmp_path / "results.json"
    tasks = {
        "answer_perplexity": {"items": 3, "clusters": 2, "metrics": {"perplexity": numbers(ratio=NUMBERS)}},
        "technique_to_tactic": {"items": 3, "clusters": 2, "metrics": {"macro_f1": numbers(), "accuracy": numbers()}},
        "over_refusal": {"items": 3, "clusters": 3, "metrics": {"answer_rate": numbers(gained=1, lost=0)}},
    }
    path.write_text(
        json.dumps({"format": 1, "confidence": 0.9, "lm_eval": "0.4", "skipped": {"x": "no"}, "tasks": tasks})
    )
    results = read_results(path)
    assert (results.format, results.confidence, results.skipped) == (1, 0.9, {"x": "no"})
    assert {name: (task.primary, task.role) for name, task in results.tasks.items()} == {
        "answer_perplexity": ("perplexity", "target"),
        "technique_to_tactic": ("accuracy", "target"),
        "over_refusal": ("answer_rate", "safety"),
    }
    main = results.tasks["answer_perplexity"].main
    assert main is not None
    assert (results.tasks["over_refusal"].title["es"], main.title["es"]) == (
        "Responde peticiones inocuas",
        "perplejidad (menor es mejor)",
    )
    assert (main.share, main.higher_is_better, main.ratio) == (False, False, Measured(0.5, 0.4, 0.6))


def test_results_come_back_as_they_were_written() -> None:
    results = results_from_json({"tasks": {"t": {"items": 1, "metrics": {"accuracy": numbers()}}}})
    again = results_from_json(json.loads(json.dumps({**as_json(results), "format": 2})))
    assert again.tasks == results.tasks
    assert results_from_json({}).tasks == {}


@pytest.mark.parametrize(
    ("value", "place"),
    [
        (3, "the file"),
        ([], "the file"),
        (None, "the file"),
        ({"format": 9, "tasks": {}}, "format: 9"),
        ({"format": [1], "tasks": {}}, "format: "),
        ({"format": 2}, "tasks"),
        ({"tasks": []}, "tasks"),
        ({"tasks": {"a": 3}}, "tasks.a"),
        ({"tasks": {"a": {"items": 3}}}, "tasks.a.metrics"),
        ({"tasks": {"a": {"items": 3, "metrics": {}}}}, "tasks.a.metrics"),
        ({"tasks": {"a": {"items": 3, "metrics": {"accuracy": 1}}}}, "tasks.a.metrics.accuracy"),
        ({"tasks": {"a": {"items": "x", "metrics": {"accuracy": numbers()}}}}, "tasks.a.items"),
    ],
)
def test_what_are_no_results_is_an_input_error_with_file_and_place(tmp_path: Path, value: Any, place: str) -> None:
    path = tmp_path / "results.json"
    path.write_text(json.dumps(value))
    with pytest.raises(InputError, match=re.escape(f"{path}: {place}")):
        read_results(path)


@pytest.mark.parametrize("bad", [None, float("nan"), float("inf")])
def test_numbers_are_known_only_where_all_are_finite(bad: float | None) -> None:
    assert Measured(0.5, 0.4, 0.6).numbers == (0.5, 0.4, 0.6)
    assert Measured(0.5, 0.4, bad).numbers is None


def test_decisions_of_earlier_versions_get_titles_and_scale(tmp_path: Path) -> None:
    gate = {
        "name": "target: technique_to_tactic",
        "kind": "target", "task": "technique_to_tactic", "metric": "accuracy", "rule": "improves", "difference": None,
        "low": None, "high": None, "margin": 0.0, "verdict": "fail", "reason": "not measured", "items": 0,
        "items_needed": None, "resolves": None,
    }  # fmt: skip
    nats = {**gate, "kind": "perplexity", "task": "answer_perplexity", "metric": "perplexity", "difference": -0.088}
    unknown = {**gate, "kind": "k", "task": "t"}
    own = {**gate, "title": {"es": "propio"}, "share": False}
    path = tmp_path / "gates.json"
    path.write_text(json.dumps({"format": 1, "verdict": "fail", "groups": {"target": "fail"}, "reasons": ["x"],
                                "confidence": 0.95, "gates": [gate, nats, unknown, own]}))  # fmt: skip
    decision = read_decision(path)
    assert decision.verdict == "fail"
    assert [(one.title.get("es"), one.task_title.get("es"), one.share) for one in decision.gates] == [
        ("objetivo", "Técnica ATT&CK a táctica", True),
        ("perplejidad", "Respuestas reservadas", False),
        (None, None, True),
        ("propio", "Técnica ATT&CK a táctica", False),
    ]


@pytest.mark.parametrize("value", [[], {"verdict": "pass", "gates": [3]}, {"verdict": "pass", "gates": [{}]}])
def test_what_is_no_decision_is_an_input_error(tmp_path: Path, value: Any) -> None:
    path = tmp_path / "gates.json"
    path.write_text(json.dumps(value))
    with pytest.raises(InputError, match=re.escape(str(path))):
        read_decision(path)


def test_a_broken_record_of_a_run_is_none(tmp_path: Path) -> None:
    assert read_run_record(tmp_path) is None
    (tmp_path / "run.json").write_text("{")
    assert read_run_record(tmp_path) is None
    stage = {"stage": "train", "fingerprint": "f", "digest": "d", "artifact": "a", "reused": False, "seconds": 1.5}
    facts = {"run": "r", "command": "c", "status": "passed", "secft": "0.1.0", "started": "t", "stages": [stage]}
    (tmp_path / "run.json").write_text(json.dumps({**facts, "verdict": "pass", "environment": {}}))
    record = read_run_record(tmp_path)
    assert record is not None
    assert (record.stages[0].stage, record.reports, record.verdict) == ("train", None, "pass")
