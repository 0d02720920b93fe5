from __future__ import annotations

from typing import Any

import pytest

from secft.dataset.templates.mapping import TACTICS
from secft.records import Document

DETECTION = "detection:\n    selection:\n        Image|endswith: '\\fsutil.exe'\n    condition: selection"


@pytest.fixture
def fields() -> dict[str, Any]:
    return {
        "description": "Detects enumeration of drives. Tactic: Discovery.",
        "logsource": {"category": "process_creation", "product": "windows", "service": "", "definition": ""},
        "detection": DETECTION,
        "falsepositives": ["Unknown", "Certain administrator\nscripts"],
        "techniques": ["T1120"],
        "tactics": ["discovery"],
    }


@pytest.fixture
def rule(make_document: Any, fields: dict[str, Any]) -> Document:
    found: Document = make_document("rule", "sigma:1", "Fsutil Drive Enumeration", **fields)
    return found


def test_answers_are_the_fields(rule: Document, write: Any) -> None:
    assert write("explain", rule)[0].answer == rule.fields["description"]
    assert write("technique", rule)[0].answer == "T1120"
    assert write("false_positives", rule)[0].answer == "Certain administrator scripts"
    assert write("log_source", rule)[0].answer == "logsource:\n    category: process_creation\n    product: windows"


def test_writing_a_rule_asks_for_its_own_detection(rule: Document, write: Any) -> None:
    draft = write("write_rule", rule)[0]
    assert draft.answer == DETECTION
    assert "product: windows" in draft.question
    assert "fsutil.exe" not in draft.question


def test_one_tactic_is_a_choice_and_several_are_a_list(
    make_document: Any, fields: dict[str, Any], rule: Document, write: Any
) -> None:
    draft = write("tactic", rule)[0]
    assert draft.answer == "Discovery"
    assert len(draft.choices) == 15
    assert "Tactic: Discovery" not in draft.question
    newer = make_document("rule", "r", "T", **{**fields, "tactics": ["defense-impairment"]})
    assert write("tactic", newer)[0].answer == "Defense Impairment"
    older = make_document("rule", "r", "T", **{**fields, "tactics": ["defense-evasion"]})
    assert write("tactic", older)[0].choices == TACTICS
    both = make_document("rule", "r", "T", **{**fields, "tactics": ["command-and-control", "stealth"]})
    assert write("tactic", both)[0].answer == "Command and Control, Stealth"
    assert not write("tactic", both)[0].choices


@pytest.mark.parametrize(
    ("task", "change", "expected"),
    [
        ("tactic", {"tactics": ["evil-things"]}, "template.no_tactic"),
        ("tactic", {"tactics": ["stealth", "defense-evasion"]}, "template.no_tactic"),
        ("technique", {"techniques": []}, "template.no_technique"),
        ("false_positives", {"falsepositives": ["Unknown", "Unlikely."]}, "template.no_false_positives"),
        ("log_source", {"logsource": {"definition": "x"}}, "template.no_log_source"),
        ("write_rule", {"logsource": {}}, "template.no_log_source"),
        ("write_rule", {"detection": "x" * 800}, "template.long_detection"),
        ("write_rule", {"detection": "- a\n" * 20}, "template.indicators"),
        ("explain", {"description": ""}, "template.no_sentence"),
    ],
)
def test_reasons(
    make_document: Any, fields: dict[str, Any], reason: Any, task: str, change: dict[str, Any], expected: str
) -> None:
    assert reason(task, make_document("rule", "r", "T", **{**fields, **change})) == expected


def test_phrasings_vary(rule: Document, questions: Any) -> None:
    tasks = ("explain", "tactic", "technique", "false_positives", "log_source", "write_rule")
    assert all(len(questions(task, rule)) >= 3 for task in tasks)
