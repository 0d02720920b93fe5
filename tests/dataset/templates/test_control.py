from __future__ import annotations

from typing import Any

import pytest

from secft.records import Document


@pytest.fixture
def control(make_document: Any) -> Document:
    found: Document = make_document(
        "control", "AU-9", "Protection of Audit Information", source="oscal",
        statement="a. Protect audit records; and\nb. Alert [Assignment: roles].", guidance="Audit records are facts.",
        objectives=[{"label": "a", "prose": "audit records are protected;"}, {"label": "b", "prose": "roles know."}],
    )  # fmt: skip
    return found


@pytest.fixture
def hardening(make_document: Any) -> Document:
    found: Document = make_document(
        "control", "xccdf:1", "Remove telnet", source="xccdf",
        description="Telnet is old. Remove it:\n\n$ apt purge telnetd",
        rationale="Passwords travel in clear text.", fix="", check="Run dpkg -l telnetd.",
        benchmark={"id": "d", "title": "Guide to Debian", "version": "1"},
    )  # fmt: skip
    return found


def test_controls_of_a_catalogue(control: Document, write: Any) -> None:
    assert write("explain", control)[0].answer == control.fields["statement"]
    assert "AU-9 (Protection of Audit Information)" in write("explain", control)[0].question
    assert write("implement", control)[0].answer == "Audit records are facts."
    assert write("check", control)[0].answer == "Determine whether:\n- audit records are protected\n- roles know"


def test_one_objective_is_a_sentence(make_document: Any, write: Any) -> None:
    one = make_document("control", "AU-1", "X", statement="S.", objectives=[{"label": "", "prose": "logs are kept."}])
    assert write("check", one)[0].answer == "Determine whether logs are kept."


def test_a_statement_is_cut_between_its_items(control: Document, write: Any) -> None:
    assert write("explain", control, limit=40)[0].answer == "a. Protect audit records."


def test_rules_of_a_benchmark(hardening: Document, write: Any) -> None:
    assert write("explain", hardening)[0].answer == "Passwords travel in clear text."
    assert write("implement", hardening)[0].answer == hardening.fields["description"]
    assert write("check", hardening)[0].answer == "Run dpkg -l telnetd."
    assert "xccdf:1" not in write("implement", hardening)[0].question


def test_half_of_the_steps_are_no_answer(hardening: Document, reason: Any) -> None:
    assert reason("implement", hardening, limit=30) == "template.long_steps"


def test_requirements_of_asvs(make_document: Any, write: Any, reason: Any) -> None:
    document = make_document(
        "control", "ASVS-V1.2.3", "ASVS 5.0 V1.2.3: Injection Prevention", source="owasp",
        description="Verify that output is encoded.", level=1,
    )  # fmt: skip
    draft = write("explain", document)[0]
    assert draft.answer == "Verify that output is encoded."
    assert "ASVS 5.0 V1.2.3: Injection Prevention" in draft.question
    assert reason("implement", document) == "template.no_guidance"
    assert reason("check", document) == "template.no_check"
    assert reason("multiple_choice", document) == "template.no_statement_for_choice"


def test_phrasings_vary(control: Document, hardening: Document, questions: Any) -> None:
    assert all(len(questions(task, control)) >= 3 for task in ("explain", "implement", "check"))
    assert all(len(questions(task, hardening)) >= 3 for task in ("explain", "implement", "check"))
