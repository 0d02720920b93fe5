from __future__ import annotations

from typing import Any

import pytest

from secft.records import tool_call

CALL = {"role": "assistant", "content": "", "tool_calls": [tool_call("nmap", {"host": "lab"})]}
RESULT = {"role": "tool", "content": "22/tcp open", "name": "nmap"}
ANSWER = {"role": "assistant", "content": "Yes, OpenSSH 9.6 answers."}
RUN = [{"role": "user", "content": "Is port 22 open on our host?"}, CALL, RESULT, ANSWER]
SCHEMA = {"type": "function", "function": {"name": "nmap"}}


def run(make_document: Any, **fields: Any) -> Any:
    given = {
        "goal": "Is port 22 open on our host?",
        "answer": "Yes, OpenSSH 9.6 answers.",
        "outcome": "success",
        "messages": RUN,
        "schemas": [SCHEMA],
    }
    return make_document("trajectory", "run:1", "T", **{**given, **fields})


def test_a_successful_run_is_kept_as_it_was(make_document: Any, write: Any) -> None:
    draft = write("agent_answer", run(make_document))[0]
    assert list(draft.messages) == RUN
    assert (draft.tools, draft.fields) == ((SCHEMA,), ("messages", "tools"))


def test_long_answers_are_not_cut(make_document: Any, write: Any) -> None:
    long = {"role": "assistant", "content": "It is open. " * 90}
    (draft,) = write("agent_answer", run(make_document, messages=[*RUN[:3], long]), limit=30)
    assert draft.messages[-1] == long


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        ({"outcome": "failure"}, "template.failed_run"),
        ({"outcome": "unknown"}, "template.unknown_outcome"),
        ({"answer": ""}, "template.no_answer"),
        ({"messages": RUN[:2]}, "template.unfinished_run"),
        ({"messages": RUN[:3]}, "template.unfinished_run"),
    ],
)
def test_other_runs_are_skipped(make_document: Any, reason: Any, change: dict[str, Any], expected: str) -> None:
    assert reason("agent_answer", run(make_document, **change)) == expected
