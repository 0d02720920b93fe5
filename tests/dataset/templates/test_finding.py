from __future__ import annotations

from typing import Any

import pytest

from secft.records import Document


@pytest.fixture
def finding(make_document: Any) -> Any:
    def make(**fields: Any) -> Document:
        given = {
            "tool": "zap", "severity": "medium", "cwes": ["CWE-614"], "target": "https://shop.example",
            "evidence": "Set-Cookie: [REDACTED]", "description": "A cookie travels in clear text.",
            "remediation": "Set the secure flag.",
        }  # fmt: skip
        found: Document = make_document(
            "finding", "tool_logs:zap:1", "Cookie Without Secure Flag", **{**given, **fields}
        )
        return found

    return make


def test_triage_tells_meaning_and_remedy(finding: Any, write: Any, questions: Any) -> None:
    draft = write("triage", finding())[0]
    assert draft.answer == "A cookie travels in clear text.\n\nHow to fix it: Set the secure flag."
    assert draft.fields == ("description", "remediation")
    for part in ("ZAP", "Cookie Without Secure Flag", "https://shop.example", "Evidence: Set-Cookie: [REDACTED]"):
        assert part in draft.question
    assert len(questions("triage", finding())) >= 3


def test_the_question_asks_for_what_the_report_says(finding: Any, write: Any, reason: Any) -> None:
    meaning = write("triage", finding(remediation="No fixed version is known."))[0]
    assert meaning.answer == "A cookie travels in clear text."
    assert "fix" not in meaning.question
    remedy = write("triage", finding(description="Cookie without secure flag."))[0]
    assert remedy.answer == "Set the secure flag."
    assert remedy.fields == ("remediation",)
    assert reason("triage", finding(description="", remediation="")) == "template.report_title_only"


def test_long_evidence_is_cut_at_a_line(finding: Any, write: Any) -> None:
    question = write("triage", finding(evidence="\n".join(f"line {n} {'x' * 90}" for n in range(9))))[0].question
    assert "Evidence:\nline 0" in question
    assert "line 2" in question
    assert "line 3" not in question


def test_severity_is_a_choice(finding: Any, write: Any, reason: Any) -> None:
    draft = write("severity", finding())[0]
    assert draft.answer == "Medium"
    assert draft.choices == ("Info", "Low", "Medium", "High", "Critical")
    assert reason("severity", finding(severity="unknown")) == "template.no_severity"


def test_weakness(finding: Any, write: Any, reason: Any) -> None:
    assert write("weakness", finding())[0].answer == "CWE-614"
    assert reason("weakness", finding(cwes=[])) == "template.no_weakness"
