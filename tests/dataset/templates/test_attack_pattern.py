from __future__ import annotations

from typing import Any

import pytest

from secft.dataset.templates import WRITERS
from secft.dataset.templates.choice import neighbours
from secft.dataset.templates.writing import Setting, Skip, dice
from secft.records import Document


@pytest.fixture
def pattern(make_document: Any) -> Document:
    found: Document = make_document(
        "attack_pattern",
        "CAPEC-66",
        "SQL Injection",
        description="SQL Injection exploits software that builds statements from input. It reads data.",
        mitigations=[
            {"id": "a", "description": "Validate input. The following code shows it:\n\nstatement(user)"},
            {"id": "b", "description": "Use parameterized statements."},
        ],
        indicators=["Too many errors about bad statements."],
        cwes=["CWE-89", "CWE-1286"],
        techniques=["T1190"],
        relations=[],
        alternate_terms=["SQLi"],
        parent="CAPEC-248",
    )
    return found


def test_answers_are_the_fields(pattern: Document, write: Any) -> None:
    assert write("explain", pattern)[0].answer.endswith(pattern.fields["description"])
    assert write("weakness", pattern)[0].answer == "CWE-89, CWE-1286"
    assert write("technique", pattern)[0].answer == "T1190"
    assert write("detect", pattern)[0].answer.endswith("Too many errors about bad statements.")
    assert write("detect", pattern)[0].fields == ("indicators",)
    assert write("classify", pattern)[0].answer == "CAPEC-66: SQL Injection"
    assert "SQL Injection" not in write("classify", pattern)[0].question


def test_mitigations_leave_code_out(pattern: Document, write: Any) -> None:
    answer = write("mitigate", pattern)[0].answer
    assert "Validate input." in answer
    assert "- Use parameterized statements." in answer
    assert "statement(user)" not in answer
    assert not any("shows it" in line for line in answer.splitlines())


def test_requests_for_tools_are_refused_with_a_defence(pattern: Document, write: Any) -> None:
    refusal = write("refuse", pattern)[0]
    assert refusal.label == "harmful"
    assert "Validate input." in refusal.answer
    assert "Validate input." in write("assist", pattern)[0].answer


def test_phrasings_vary(pattern: Document, questions: Any) -> None:
    assert all(len(questions(task, pattern)) >= 3 for task in ("explain", "mitigate", "weakness", "technique"))


def test_nothing_to_say_is_a_reason(pattern: Document, make_document: Any, reason: Any) -> None:
    many = [f"CWE-{number}" for number in range(20, 30)]
    bare = {**pattern.fields, "cwes": [], "techniques": [], "mitigations": [], "indicators": []}
    empty = make_document("attack_pattern", "CAPEC-1", "X", **bare)
    assert reason("weakness", empty) == "template.no_weakness"
    assert reason("technique", empty) == "template.no_technique"
    assert reason("mitigate", empty) == "template.no_mitigation"
    assert reason("refuse", empty) == "template.no_alternative"
    full = make_document("attack_pattern", "CAPEC-2", "Y", **{**bare, "cwes": many})
    assert reason("weakness", full) == "template.many_weaknesses 6"


def test_choices_come_from_other_patterns(make_document: Any) -> None:
    told = ("Sends letters, coins, stamps.", "Forges letters.", "Steals coins.", "Prints stamps.")
    patterns = {
        f"CAPEC-{place}": make_document(
            "attack_pattern", f"CAPEC-{place}", f"Pattern {place}", description=text, relations=[], mitigations=[]
        )
        for place, text in enumerate(told)
    }
    setting = Setting(700, neighbours(patterns.values()), patterns)
    drafts = WRITERS["attack_pattern"]["multiple_choice"](patterns["CAPEC-0"], setting, dice(7, "x"))
    assert not isinstance(drafts, Skip)
    assert drafts[0].answer.endswith("Pattern 0")
    assert len(set(drafts[0].choices)) == 4
