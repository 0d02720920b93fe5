from __future__ import annotations

import gzip
import json
from pathlib import Path
from typing import Any

import pytest

from secft.dataset import collect
from secft.dataset.sources.own_records import JsonlSource, ParquetSource
from secft.dataset.sources.own_records.shapes import Columns, Shape, shape_of
from secft.dataset.sources.reading.bad_record import BadRecordError
from secft.dataset.sources.source import ReadLog
from secft.records import tool_call

ASK, SAY = {"role": "user", "content": "Why?"}, {"role": "assistant", "content": "So."}
BAD = {"role": "assistant", "content": "No idea."}
PLAIN = [ASK, SAY]
CALL = tool_call("nmap", {"t": "lab"})
TOOL = {"type": "function", "function": {"name": "nmap", "parameters": {"type": "object"}}}


def shape(row: dict[str, Any], **more: Any) -> Shape:
    return shape_of(Columns(row), **more)


@pytest.mark.parametrize(
    "row",
    [
        {"messages": PLAIN},
        {"messages": json.dumps(PLAIN)},
        {"messages": json.dumps(PLAIN).encode()},
        {"messages": [{"from": "human", "value": "Why?"}, {"from": "gpt", "value": "So."}]},
        {"conversations": PLAIN},
        {"conversations": {"from": ["human", "gpt"], "value": ["Why?", "So."]}},
        {"messages": [{"role": "user", "content": [{"type": "text", "text": "Why?"}]}, SAY]},
        {"prompt": "Why?", "completion": "So."},
        {"prompt": [ASK], "completion": [SAY]},
        {"prompt": [ASK], "completion": "So."},
        {"question": "Why?", "answer": "So."},
        {"instruction": "Why?", "input": None, "output": "So."},
        {"user": b"Why?", "assistant": b"So."},
        {"messages": PLAIN, "system": ""},
    ],
)
def test_one_conversation_in_many_shapes(row: dict[str, Any]) -> None:
    found = shape(row)
    assert found.messages == PLAIN
    assert not found.unused


def test_what_stands_beside_a_conversation() -> None:
    found = shape({"messages": PLAIN, "system": "Be brief.", "tools": json.dumps([TOOL])})
    assert found.messages == [{"role": "system", "content": "Be brief."}, *PLAIN]
    assert found.tools == [TOOL]
    anthropic = {"name": "nmap", "description": "Scan.", "input_schema": {"type": "object"}}
    assert shape({"messages": PLAIN, "tools": [anthropic]}).tools == [
        {"type": "function", "function": {"name": "nmap", "description": "Scan.", "parameters": {"type": "object"}}}
    ]
    history = {"instruction": "And?", "output": "Yes.", "history": [["Why?", "So."]]}
    assert [message["content"] for message in shape(history).messages] == ["Why?", "So.", "And?", "Yes."]
    columns = Columns({"messages": [{"role": "system", "content": "a"}, *PLAIN], "system": "b", "score": 1})
    assert shape_of(columns).messages[0]["content"] == "a"
    assert {str(reason) for reason in columns.unused()} == {"unused.column system", "unused.column score"}


CHAT = {"role": "assistant", "content": None}


@pytest.mark.parametrize(
    "turns",
    [
        [{**CHAT, "tool_calls": [CALL]}, {"role": "tool", "content": "22"}],
        [
            {**CHAT, "tool_calls": [{"function": {"name": "nmap", "arguments": '{"t": "lab"}'}}]},
            {"role": "tool", "content": [{"type": "text", "text": "22"}], "name": "nmap"},
        ],
        [{**CHAT, "function_call": {"name": "nmap", "arguments": {"t": "lab"}}}, {"role": "function", "content": "22"}],
        [
            {"from": "function_call", "value": '{"name": "nmap", "arguments": {"t": "lab"}}'},
            {"from": "observation", "value": "22"},
        ],
        [
            {"role": "assistant", "content": [{"type": "tool_use", "name": "nmap", "input": {"t": "lab"}}]},
            {"role": "user", "content": [{"type": "tool_result", "tool_use_id": "x", "content": "22"}]},
        ],
    ],
)
def test_one_call_in_many_forms(turns: list[dict[str, Any]]) -> None:
    assert shape({"messages": [ASK, *turns, SAY]}).messages == [
        ASK,
        {"role": "assistant", "content": "", "tool_calls": [CALL]},
        {"role": "tool", "content": "22", "name": "nmap"},
        SAY,
    ]


def test_parallel_calls_and_their_results_in_any_order() -> None:
    calls = [tool_call("a", {}, "1"), tool_call("b", {}, "2")]
    results = [{"role": "tool", "tool_call_id": key, "content": key} for key in ("2", "1")]
    found = shape({"messages": [ASK, {**CHAT, "tool_calls": calls}, *results, SAY]}).messages
    assert [(message.get("name"), message["content"]) for message in found[2:4]] == [("b", "2"), ("a", "1")]
    split = [{"from": "function_call", "value": json.dumps({"name": n, "arguments": {}})} for n in "ab"]
    seen = [{"from": "observation", "value": n} for n in "xy"]
    found = shape({"conversations": [{"from": "human", "value": "q"}, *split, *seen, {"from": "gpt", "value": "z"}]})
    assert [call["function"]["name"] for call in found.messages[1]["tool_calls"]] == ["a", "b"]
    assert [message.get("name") for message in found.messages] == [None, None, "a", "b", None]


def test_a_conversation_may_end_with_a_call() -> None:
    found = shape({"messages": [ASK, {**CHAT, "tool_calls": [CALL]}]})
    assert found.messages[-1]["tool_calls"] == [CALL]
    cut = shape({"messages": [ASK, {**CHAT, "tool_calls": [CALL]}, {"role": "tool", "content": "22"}]})
    assert cut.messages == found.messages
    assert {str(reason) for reason in cut.unused} == {"unused.last_turns"}


@pytest.mark.parametrize("turn", [{"reasoning_content": "Hm."}, {"content": "<think>\nHm.\n</think>\n\nSo."}])
def test_reasoning_is_counted_or_kept(turn: dict[str, Any]) -> None:
    row = {"messages": [ASK, {**SAY, **turn}]}
    dropped = shape(row)
    assert dropped.messages == PLAIN
    assert {str(reason) for reason in dropped.unused} == {"unused.reasoning"}
    kept = shape(row, keep_thoughts=True)
    assert kept.messages[-1] == {**SAY, "reasoning_content": "Hm."}
    assert not kept.unused


def test_turns_that_are_not_learned() -> None:
    found = shape({"messages": [ASK, {**SAY, "weight": 0}, ASK, {**SAY, "weight": 1}]})
    assert [message.get("weight") for message in found.messages] == [None, 0, None, None]
    late = shape({"messages": [ASK, SAY, ASK, {**SAY, "weight": 0}]})
    assert late.messages == PLAIN


@pytest.mark.parametrize(
    "row",
    [
        {"prompt": "Why?", "chosen": "So.", "rejected": "No idea."},
        {"prompt": [ASK], "chosen": [SAY], "rejected": [BAD]},
        {"prompt": "Why?", "chosen": [*PLAIN], "rejected": [ASK, BAD]},
        {"chosen": [*PLAIN], "rejected": [ASK, BAD]},
        {"chosen": json.dumps(PLAIN), "rejected": json.dumps([ASK, BAD])},
        {"messages": [ASK], "chosen": SAY, "rejected": BAD},
        {"messages": PLAIN, "rejected": "No idea."},
        {"messages": PLAIN, "rejected": [BAD]},
        {"messages": PLAIN, "rejected": [ASK, BAD]},
        {"conversations": [{"from": "human", "value": "Why?"}], "chosen": {"from": "gpt", "value": "So."},
         "rejected": {"from": "gpt", "value": "No idea."}},
        {"instruction": "Why?", "input": "", "chosen": "So.", "rejected": "No idea."},
        {"chosen": "\n\nHuman: Why?\n\nAssistant: So.", "rejected": "\n\nHuman: Why?\n\nAssistant: No idea."},
        {"prompt": "Why?", "chosen": ["So."], "rejected": ["No idea."]},
    ],
)  # fmt: skip
def test_pairs_in_many_shapes(row: dict[str, Any]) -> None:
    found = shape(row)
    assert found.messages == PLAIN
    assert (found.rejected, found.rejected_calls) == ("No idea.", [])


def test_a_worse_answer_may_be_a_call() -> None:
    found = shape({"prompt": "Why?", "chosen": "So.", "rejected": {**CHAT, "tool_calls": [CALL]}})
    assert (found.rejected, found.rejected_calls) == ("", [CALL])


@pytest.mark.parametrize(
    ("row", "code"),
    [
        ({"foo": 1}, "chat_record.shape"),
        ({"text": "Long."}, "chat_record.only_text"),
        ({"messages": "no"}, "chat_record.not_objects messages"),
        ({"messages": []}, "chat_record.no_turns"),
        ({"messages": [SAY, ASK]}, "turn.begins_with_assistant"),
        ({"messages": [ASK]}, "turn.no_answer"),
        ({"messages": [ASK, {**SAY, "weight": 0}]}, "turn.nothing_learned"),
        ({"messages": [ASK, {**SAY, "weight": 2}]}, "turn.weight"),
        ({"messages": [ASK, {**SAY, "content": 42}]}, "turn.content"),
        ({"messages": [ASK, {**SAY, "content": ""}]}, "turn.empty"),
        ({"messages": [{**ASK, "content": [{"type": "image_url"}]}, SAY]}, "turn.no_text"),
        ({"messages": [ASK, SAY, {"role": "system", "content": "x"}, ASK, SAY]}, "turn.late_system"),
        ({"messages": [ASK, {**CHAT, "tool_calls": [CALL]}, ASK, SAY]}, "turn.call_without_result"),
        ({"messages": [ASK, {"role": "tool", "content": "x"}, SAY]}, "turn.result_without_call"),
        ({"messages": [{"role": "judge", "content": "x"}, SAY]}, "turn.role"),
        ({"messages": PLAIN, "tools": "no"}, "turn.tools"),
        ({"messages": PLAIN, "tools": [{"type": "function"}]}, "turn.tools"),
        ({"chosen": "a", "rejected": "b"}, "chat_record.no_prompt"),
        ({"chosen": PLAIN, "rejected": [{**ASK, "content": "?"}, BAD]}, "chat_record.other_prompt"),
        ({"prompt": "Why?", "chosen": "So.", "rejected": "So."}, "chat_record.equal_answers"),
        ({"prompt": "Why?", "chosen": ["a", "b"], "rejected": "c"}, "chat_record.several_answers chosen"),
        ({"instruction": "a", "output": "b", "history": "no"}, "chat_record.history"),
        ({"user": 7, "assistant": "b"}, "chat_record.not_string user"),
        ({"user": b"\xff", "assistant": "b"}, "record.not_utf8"),
    ],
)
def test_other_rows_are_refused_with_their_reason(row: dict[str, Any], code: str) -> None:
    with pytest.raises(BadRecordError) as caught:
        shape(row)
    assert str(caught.value.reason) == code


def test_what_is_left_out_is_counted() -> None:
    image = {"role": "user", "content": [{"type": "text", "text": "Why?"}, {"type": "image_url", "image_url": {}}]}
    found = shape({"messages": [image, {**SAY, "logprobs": {"x": 1}, "audio": None}, ASK, ASK, SAY]})
    assert {str(reason): count for reason, count in found.unused.items()} == {
        "unused.part image_url": 1,
        "unused.message_key logprobs": 1,
        "unused.joined": 1,
    }


def lines(path: Path, data: bytes, **more: Any) -> tuple[list[Any], ReadLog]:
    path.write_bytes(data)
    log = ReadLog()
    found = collect.read_documents(JsonlSource(paths=[str(path)], **more), log)
    return [document.fields["messages"] for document in found], log


ROW = json.dumps({"user": "Why?", "assistant": "So."})


@pytest.mark.parametrize(
    "data",
    [
        f"[{ROW}]".encode(),
        f"[\n  {ROW}\n]\n".encode(),
        json.dumps(json.loads(ROW), indent=2).encode(),
        json.dumps({"data": [json.loads(ROW)]}, indent=2).encode(),
        f"\ufeff{ROW}\r\n".encode(),
        ROW.encode("utf-16"),
        f"[\n{ROW}]".encode("utf-16-le"),
        f"{ROW}\n".encode("utf-32"),
        gzip.compress(f"[{ROW}]".encode(), mtime=0),
        f"{ROW}\nnull\n{{}}\n".encode(),
    ],
)
def test_files_of_every_form(tmp_path: Path, data: bytes) -> None:
    found, _ = lines(tmp_path / "x.json", data)
    assert found == [PLAIN]


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        (b'{"user": "L\xfccke"}', "record.not_utf8"),
        (b'{"user": "a", "user": "b", "assistant": "c"}', "record.repeated_key"),
        (b'{"id": ' + b"9" * 5000 + b"}", "record.long_number"),
        (b'{"user": "a",}', "record.not_json"),
        (b"[1]", "record.not_object"),
    ],
)
def test_lines_that_are_no_records(tmp_path: Path, line: bytes, reason: str) -> None:
    _, log = lines(tmp_path / "x.jsonl", ROW.encode() + b"\n" + line, max_bad_lines=1)
    assert log.tally.dropped == {reason: 1}


def test_several_files_may_use_the_same_ids(tmp_path: Path) -> None:
    for name in ("a", "b"):
        (tmp_path / f"{name}.jsonl").write_text(json.dumps({"id": 1, **json.loads(ROW)}) + "\n" + ROW)
    config = JsonlSource(paths=[str(tmp_path)])
    found = collect.read_documents(config, ReadLog())
    assert len({document.id for document in found}) == 4
    assert len(collect.external_files({"own": config})) == 2
    assert collect.problems({"own": JsonlSource()})[0].key == "source.own.paths"


def test_nulls_of_parquet_are_no_values(tmp_path: Path) -> None:
    import pyarrow as pa
    import pyarrow.parquet as pq

    row = {"messages": [ASK, {**CHAT, "tool_calls": [CALL]}, {"role": "tool", "content": "22", "name": "nmap"}, SAY]}
    other = {"messages": [ASK, {**CHAT, "tool_calls": [tool_call("curl", {"url": "x"})]}], "extra": 1}
    pq.write_table(pa.Table.from_pylist([row, other, {}]), tmp_path / "x.parquet")
    log = ReadLog()
    found = collect.read_documents(ParquetSource(paths=[str(tmp_path / "x.parquet")]), log)
    assert found[0].fields["messages"][1]["tool_calls"] == [CALL]
    assert "tool_calls" not in found[0].fields["messages"][0]
    assert log.tally.dropped == {"record.empty": 1}


REFUSED = {
    "08-assistant-first": "turn.begins_with_assistant",
    "10-empty-assistant": "turn.empty",
    "20-text": "chat_record.only_text",
    "26-int-content": "turn.content",
    "30-cp1252": "record.not_utf8",
    "35-int-5000-digits": "record.long_number",
    "38-dup-keys": "record.repeated_key",
    "39-trailing-comma": "record.not_json",
    "41-dup-ids": "record.repeated_id",
    "42-identical-id-int-str": "record.repeated_id",
    "43-three-good-one-bad": "chat_record.shape",
}


def test_the_reported_shapes(shared_cases: Path) -> None:
    for path in sorted((shared_cases / "data" / "14-jsonl-shapes").glob("*.jsonl")):
        log = ReadLog()
        found = collect.read_documents(JsonlSource(paths=[str(path)], max_bad_lines=1), log)
        wanted = REFUSED.get(path.stem)
        assert log.tally.dropped == ({wanted: 1} if wanted else {}), path
        assert found or wanted, path


def test_the_reported_tables(shared_cases: Path) -> None:
    for path in sorted((shared_cases / "data" / "15-parquet").glob("*.parquet")):
        log = ReadLog()
        found = collect.read_documents(ParquetSource(paths=[str(path)]), log)
        assert found, path
        assert set(log.tally.dropped) <= {"record.empty"}, path


def test_the_reported_pairs_and_calls(shared_cases: Path) -> None:
    for name in ("pairs", "pairs2"):
        path = shared_cases / "training" / "09-own-preference-pairs" / f"{name}.jsonl"
        found = collect.read_documents(JsonlSource(paths=[str(path)]), ReadLog())
        assert all(document.fields["rejected"].startswith("Wrong answer") for document in found)
    path = shared_cases / "training" / "23-tool-calls" / "tools.jsonl"
    found = collect.read_documents(JsonlSource(paths=[str(path)]), ReadLog())
    assert all(document.fields["messages"][1]["tool_calls"] for document in found)


def test_what_was_not_used_is_told(tmp_path: Path) -> None:
    row = {"messages": [ASK, {**SAY, "reasoning_content": "Hm."}], "score": 3}
    (tmp_path / "x.jsonl").write_text(json.dumps(row))
    told = collect.collect({"jsonl": JsonlSource(path=str(tmp_path / "x.jsonl"))}, tmp_path / "out")
    assert told["sources"]["jsonl"]["unused"] == {"unused.column score": 1, "unused.reasoning": 1}
