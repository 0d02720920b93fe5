from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from secft.dataset import collect
from secft.dataset.sources.agent_runs import AgentRunsSource, reader
from secft.dataset.sources.source import ReadLog
from secft.errors import InputError
from secft.records import Document, tool_call

STEP = {"thought": "Look first.", "tool": "nmap", "input": {"host": "lab"}, "observation": "22/tcp open"}
CALL = {"id": "c1", "type": "function", "function": {"name": "nmap", "arguments": '{"host": "lab"}'}}


def read(path: Path, *rows: Any) -> tuple[list[Document], ReadLog]:
    path.write_text("".join((row if isinstance(row, str) else json.dumps(row)) + "\n" for row in rows))
    log = ReadLog()
    return list(reader.READER.read(AgentRunsSource(paths=[str(path)]), log)), log


def run(**more: Any) -> dict[str, Any]:
    return {"goal": "Check the host.", "steps": [STEP], **more}


def talk(*messages: dict[str, Any], **more: Any) -> dict[str, Any]:
    return {"messages": [{"role": "user", "content": "Check the host."}, *messages], **more}


def calling(**more: Any) -> dict[str, Any]:
    return {"role": "assistant", "content": "Look first.", "tool_calls": [CALL], **more}


def result(identifier: str = "c1") -> dict[str, Any]:
    return {"role": "tool", "tool_call_id": identifier, "content": "22/tcp open"}


def test_both_shapes_give_the_same_run(tmp_path: Path) -> None:
    stepwise = run(id="a", system="Be careful.", answer="SSH is open.", outcome="success", score=0.9, task_id="t1")
    system = {"role": "system", "content": "Be careful."}
    said = {"role": "assistant", "content": "SSH is open."}
    chat = talk(calling(), result(), said, id="b", success=True, reward=0.9, task_id="t1")
    chat["messages"].insert(0, system)
    (one, two), log = read(tmp_path / "x.jsonl", stepwise, chat)
    assert not log.refused
    assert one.id == "agent_runs:x.jsonl#a"
    assert one.kind == "trajectory"
    for document in (one, two):
        document.fields["messages"][2]["tool_calls"][0]["id"] = document.fields["messages"][3]["tool_call_id"] = "same"
    assert one.fields == two.fields
    assert one.text == two.text == (
        "Goal: Check the host.\n\n"
        'Thought: Look first.\nAction: nmap {"host": "lab"}\nObservation: 22/tcp open\n\n'
        "Answer: SSH is open.\n\nOutcome: success (score 0.9)"
    )  # fmt: skip
    assert one.fields == {
        "goal": "Check the host.",
        "system": "Be careful.",
        "steps": [STEP],
        "answer": "SSH is open.",
        "outcome": "success",
        "score": 0.9,
        "tools": ["nmap"],
        "messages": [
            system,
            {"role": "user", "content": "Check the host."},
            {"role": "assistant", "content": "Look first.", "tool_calls": [tool_call("nmap", {"host": "lab"}, "same")]},
            {"role": "tool", "tool_call_id": "same", "name": "nmap", "content": "22/tcp open"},
            said,
        ],
        "schemas": [],
        "agent": "",
        "model": "",
        "parent": "t1",
    }


def test_other_names_of_the_same_things(tmp_path: Path) -> None:
    odd = {
        "task": {"description": "Check."},
        "steps": [
            {"reasoning": "Hm.", "action": {"name": "grep", "arguments": "x"}, "result": {"hits": 2}},
            {"thought": "Nothing more to do."},
            {"action": "finish", "action_input": "Two hits."},
        ],
    }
    parts = {"role": "user", "content": [{"type": "text", "text": "One."}, {"type": "text", "text": "Two."}]}
    legacy = {
        "messages": [
            parts,
            {"role": "assistant", "content": None, "function_call": {"name": "grep", "arguments": '{"q": 1}'}},
            {"role": "function", "name": "grep", "content": "2"},
        ]
    }
    (one, two), log = read(tmp_path / "x.jsonl", odd, legacy)
    assert not log.refused
    assert (one.fields["goal"], one.fields["answer"], one.fields["tools"]) == ("Check.", "Two hits.", ["grep"])
    assert one.fields["steps"][0]["observation"] == '{"hits": 2}'
    assert [message["role"] for message in one.fields["messages"]] == [
        "user", "assistant", "tool", "assistant",
    ]  # fmt: skip
    assert two.fields["goal"] == "One.\n\nTwo."
    assert two.fields["steps"] == [{"thought": "", "tool": "grep", "input": {"q": 1}, "observation": "2"}]
    assert (two.fields["answer"], two.fields["outcome"], two.fields["score"]) == ("", "unknown", None)


@pytest.mark.parametrize(
    ("said", "outcome", "score"),
    [
        ({"outcome": "Passed"}, "success", None),
        ({"outcome": "failed", "score": 1}, "failure", 1.0),
        ({"outcome": {"status": "success", "score": 0.4}}, "success", 0.4),
        ({"outcome": {"success": False}}, "failure", None),
        ({"outcome": 1}, "success", 1.0),
        ({"outcome": True}, "success", None),
        ({"reward": 0}, "failure", 0.0),
        ({"score": 0.5}, "unknown", 0.5),
        ({"success": False, "score": 1}, "failure", 1.0),
        ({"outcome": "who knows", "score": True}, "unknown", None),
        ({"score": float("nan")}, "unknown", None),
        ({}, "unknown", None),
    ],
)
def test_outcomes(tmp_path: Path, said: dict[str, Any], outcome: str, score: float | None) -> None:
    (document,), _ = read(tmp_path / "x.jsonl", run(**said))
    assert (document.fields["outcome"], document.fields["score"]) == (outcome, score)


def nested(depth: int) -> Any:
    value: Any = 1
    for _ in range(depth):
        value = [value]
    return value


@pytest.mark.parametrize(
    ("row", "reason"),
    [
        ("{broken", "record.not_json"),
        ("[" * 100_000, "record.not_json"),
        ('"text"', "record.not_object"),
        ({}, "agent_run.no_steps"),
        ({"steps": {}}, "agent_run.no_steps"),
        (run(goal=""), "agent_run.no_goal"),
        (run(goal=7), "agent_run.no_goal"),
        (run(steps=[]), "agent_run.no_tool"),
        (run(steps=[{"thought": "Only words."}]), "agent_run.no_tool"),
        (run(steps=[STEP, 7]), "agent_run.step_not_object"),
        (run(steps=[STEP, {"observation": "x"}]), "agent_run.empty_step"),
        (run(steps=[{"tool": ["nmap"]}]), "agent_run.tool_name"),
        (run(steps=[{**STEP, "input": nested(100)}]), "record.too_deep"),
        (run(steps=[{**STEP, "observation": nested(100)}]), "record.too_deep"),
        (run(steps=[STEP] * 2001), "agent_run.too_many_steps 2,000"),
        ({"messages": []}, "agent_run.no_steps"),
        (talk({"role": "assistant", "content": "No tools."}), "agent_run.no_tool"),
        (talk(result()), "turn.result_without_call"),
        (talk(calling(), result(), result()), "turn.result_without_call"),
        (talk(calling(), result("c2")), "turn.result_without_call"),
        (talk(calling(tool_calls=[CALL, CALL])), "turn.repeated_call"),
        (talk(calling(tool_calls=7)), "turn.calls_not_list"),
        (talk(calling(tool_calls=[{"id": "x"}])), "turn.unnamed_call"),
        (talk({"role": "judge", "content": "x"}), "turn.role"),
        (talk({"role": "user", "content": [{"type": "image_url"}]}), "turn.media"),
        (talk({"role": "user", "content": 7}), "turn.content"),
        (talk(calling(), {"role": "user", "content": "Go on."}), "turn.call_without_result"),
        (talk(calling(tool_calls=[{**CALL, "function": {"name": "nmap", "arguments": "{bad"}}])), "turn.arguments"),
        ({"messages": ["x"]}, "turn.not_object"),
    ],
)
def test_broken_runs_are_refused_with_a_reason(tmp_path: Path, row: Any, reason: str) -> None:
    found, log = read(tmp_path / "x.jsonl", run(), row)
    assert len(found) == 1
    assert log.refused == [{"record": "x.jsonl#2", "reason": reason}]


def test_a_run_that_was_cut_off_is_kept(tmp_path: Path) -> None:
    (document,), _ = read(tmp_path / "x.jsonl", talk(calling()))
    assert document.fields["steps"][0]["observation"] == ""
    assert document.fields["answer"] == ""


def test_files_folders_ids_and_links(tmp_path: Path) -> None:
    folder = tmp_path / "agent_runs"
    (folder / "deep").mkdir(parents=True)
    read(folder / "b.jsonl", run(id="same"), run(), run(id="same"), run(run_id=7))
    read(folder / "deep" / "a.jsonl", run(id="same"))
    read(folder / "broken.jsonl.gz", "x")
    (folder / "broken.jsonl.gz").write_bytes(b"\x1f\x8b\x08\x00broken")
    read(tmp_path / "outside.jsonl", run())
    (folder / "link.jsonl").symlink_to(tmp_path / "outside.jsonl")
    config = AgentRunsSource(paths=[str(folder)])
    log = ReadLog()
    found = collect.read_documents(config, log)
    assert [document.id for document in found] == [
        "agent_runs:agent_runs/b.jsonl#2",
        "agent_runs:agent_runs/b.jsonl#7",
        "agent_runs:agent_runs/b.jsonl#same",
        "agent_runs:agent_runs/deep/a.jsonl#same",
    ]
    assert log.tally.dropped == {
        "record.repeated_id": 1,
        "file.unreadable": 1,
        "file.link_outside": 1,
    }
    names = ["agent_runs/b.jsonl", "agent_runs/broken.jsonl.gz", "agent_runs/deep/a.jsonl"]
    assert sorted(collect.external_files({"runs": config})) == [f"runs/{name}" for name in names]


def test_nothing_to_read_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="expected runs of agents"):
        read(tmp_path / "x.jsonl")
    found = collect.problems({"agent_runs": AgentRunsSource(paths=[str(tmp_path / "none")])})
    assert [problem.key for problem in found] == ["source.agent_runs.paths"]


def test_odd_values_can_be_written(tmp_path: Path) -> None:
    row = '{"goal": "a \\ud800", "steps": [{"tool": "t", "input": {"\\udfff": NaN}, "observation": [Infinity]}]}'
    path = tmp_path / "x.jsonl"
    path.write_text(row + "\n" + json.dumps(run(steps=[{**STEP, "input": nested(30)}])) + "\n")
    collect.collect({"agent_runs": AgentRunsSource(paths=[str(path)])}, tmp_path / "out")
    rows = [json.loads(line) for line in (tmp_path / "out" / collect.DOCUMENTS).read_text().splitlines()]
    assert rows[0]["fields"]["goal"] == "a ?"
    assert rows[0]["fields"]["steps"][0]["input"] == {"?": "NaN"}


def test_the_reported_runs(shared_cases: Path) -> None:
    refused = {
        "01-parallel-calls-same-id": "turn.repeated_call",
        "04-unfinished-call": "turn.arguments",
        "05-openai-image-part": "turn.media",
    }
    for path in sorted((shared_cases / "data" / "16-agent-runs").glob("*.jsonl")):
        log = ReadLog()
        found = list(reader.READER.read(AgentRunsSource(paths=[str(path)]), log))
        wanted = refused.get(path.stem)
        assert log.tally.dropped == ({wanted: 1} if wanted else {}), path
        for document in found:
            roles = [message["role"] for message in document.fields["messages"]]
            assert roles[-3:] == ["assistant", "tool", "assistant"], path
