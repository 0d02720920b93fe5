from __future__ import annotations

from typing import Any

import pytest


def run(make_document: Any, **fields: Any) -> Any:
    given = {"goal": "Is port 22 open on our host?", "answer": "Yes, OpenSSH 9.6 answers.", "outcome": "success"}
    return make_document("trajectory", "run:1", "T", **{**given, **fields})


def test_a_successful_run_becomes_a_conversation(make_document: Any, write: Any) -> None:
    draft = write("agent_answer", run(make_document))[0]
    assert (draft.question, draft.answer) == ("Is port 22 open on our host?", "Yes, OpenSSH 9.6 answers.")


def test_long_answers_are_cut_at_a_sentence(make_document: Any, write: Any) -> None:
    assert write("agent_answer", run(make_document, answer="It is open. " * 9), limit=30)[0].answer == (
        "It is open. It is open."
    )


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        ({"outcome": "failure"}, "template.failed_run"),
        ({"outcome": "unknown"}, "template.unknown_outcome"),
        ({"goal": ""}, "template.no_goal"),
        ({"answer": ""}, "template.no_answer"),
        ({"answer": "x" * 900}, "template.no_answer_sentence"),
    ],
)
def test_other_runs_are_skipped(make_document: Any, reason: Any, change: dict[str, Any], expected: str) -> None:
    assert reason("agent_answer", run(make_document, **change)) == expected
