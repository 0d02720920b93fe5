from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from secft.dataset.clean import clean_example, fault
from secft.dataset.croissant import croissant
from secft.dataset.rows import RowLayout, features, read_parquet, write_splits
from secft.files import plain, read_jsonl
from secft.records import Example, Message, Provenance, example_from_record, tool_call

ORIGIN = Provenance("d", ("messages",), "jsonl", "1", "mit", "")
PLAIN: tuple[Message, ...] = ({"role": "user", "content": "Why?"}, {"role": "assistant", "content": "So."})
CALLS: tuple[Message, ...] = (
    {"role": "user", "content": "Scan it."},
    {"role": "assistant", "content": "", "tool_calls": [tool_call("nmap", {"host": "lab", "ports": [22]}, "c1")]},
    {"role": "tool", "content": "22/tcp open", "tool_call_id": "c1", "name": "nmap"},
    {"role": "assistant", "content": "I guess.", "weight": 0},
    {"role": "user", "content": "And?"},
    {"role": "assistant", "content": "SSH.", "reasoning_content": "Port 22."},
)
TOOL = {"type": "function", "function": {"name": "nmap", "parameters": {"type": "object", "properties": {}}}}


def example(name: str, messages: tuple[Message, ...], **more: Any) -> Example:
    return Example(name, "chat", name, name, messages, ORIGIN, **more)


def written(place: Path, **splits: list[Example]) -> RowLayout:
    rows = {"train": [], "validation": [], "test": [], **splits}
    return write_splits(place, {split: [plain(row.record()) for row in rows[split]] for split in rows})


def test_calls_stand_alike_in_both_files_of_every_split(tmp_path: Path) -> None:
    whole = example("a", CALLS, tools=(TOOL,), rejected_calls=(tool_call("curl", {}),))
    layout = written(tmp_path, train=[example("b", PLAIN)], test=[whole])
    assert layout.parts == ("tool_calls", "tool_call_id", "name", "reasoning_content", "weight")
    for split in ("train", "validation", "test"):
        rows = list(read_jsonl(tmp_path / f"{split}.jsonl"))
        assert list(read_parquet(tmp_path / f"{split}.parquet")) == rows
    (plain_row,) = read_jsonl(tmp_path / "train.jsonl")
    assert plain_row["messages"] == list(PLAIN)
    assert (plain_row["tools"], plain_row["rejected_calls"]) == ([], [])
    (row,) = read_jsonl(tmp_path / "test.jsonl")
    assert example_from_record({**row, "provenance": {**row["provenance"], "fields": ["messages"]}}) == whole


def test_splits_have_one_schema_that_names_what_is_used(tmp_path: Path) -> None:
    import pyarrow.parquet as pq

    layout = written(tmp_path, train=[example("b", PLAIN)], test=[example("a", CALLS)])
    schemas = [pq.read_schema(tmp_path / f"{split}.parquet") for split in ("train", "validation", "test")]
    assert schemas[0].equals(schemas[1])
    assert schemas[0].equals(schemas[2])
    assert "tools" not in schemas[0].names
    (messages,) = [column for column in features(layout) if column["name"] == "messages"]
    assert {"name": "weight", "dtype": "int64"} in messages["list"]
    manifest = {
        "provider": "p",
        "name": "n",
        "digest": "0" * 64,
        "licenses": ["mit"],
        "language": ["en"],
        "sources": {},
    }
    told = croissant({**manifest, "splits": {s: {"examples": 1} for s in ("train", "validation", "test")}}, {}, layout)
    assert "train/messages/tool_calls" in str(told["recordSet"][0])


def test_rows_without_calls_are_as_they_were(tmp_path: Path) -> None:
    layout = written(tmp_path, train=[example("b", PLAIN)])
    assert layout == RowLayout()
    (line,) = (tmp_path / "train.jsonl").read_text().splitlines()
    assert "tool" not in line
    assert '"messages":[{"role":"user","content":"Why?"},{"role":"assistant","content":"So."}]' in line.replace(
        ": ", ":"
    ).replace(", ", ",")


def test_every_text_is_changed() -> None:
    odd = example("a", CALLS, tools=(TOOL,), rejected="Worse.", rejected_calls=(tool_call("curl", {"x": ["no"]}),))
    changed = odd.with_texts(str.upper)
    assert changed.messages[1]["tool_calls"][0]["function"] == {
        "name": "nmap", "arguments": {"host": "LAB", "ports": [22]},
    }  # fmt: skip
    assert changed.messages[5]["reasoning_content"] == "PORT 22."
    assert changed.messages[3]["weight"] == 0
    assert changed.rejected_calls[0]["function"]["arguments"] == {"x": ["NO"]}
    assert clean_example(example("b", PLAIN)).messages == PLAIN


@pytest.mark.parametrize(
    ("messages", "code"),
    [
        (CALLS, None),
        (CALLS[:2], None),
        (CALLS[:3], "normalise.last_message"),
        (CALLS[:1] + CALLS[3:4], "normalise.not_learned"),
        ((CALLS[0], {"role": "assistant", "content": ""}), "normalise.empty"),
        ((*CALLS[:2], {"role": "tool", "content": ""}, CALLS[5]), None),
    ],
)
def test_what_can_be_trained_on(messages: tuple[Message, ...], code: str | None) -> None:
    found = fault(example("a", messages))
    assert (found and found.code) == code
