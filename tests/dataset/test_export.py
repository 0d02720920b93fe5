from __future__ import annotations

import json
import re
import shutil
from pathlib import Path
from typing import Any

import pytest
import yaml

from secft.__main__ import main
from secft.dataset.export import FORMS, export
from secft.dataset.freeze import FORMAT
from secft.errors import InputError
from secft.files import read_json, read_jsonl, tree_digests, write_json

NAMES = [f"{a}{b}" for a in "bcdfgh" for b in ("ar", "el", "in", "os", "um")]
CALL = {"id": "c1", "type": "function", "function": {"name": "scan", "arguments": {"host": "10.0.0.1"}}}
TOOL = {"type": "function", "function": {"name": "scan", "parameters": {"type": "object", "properties": {}}}}


def conversation(name: str) -> dict[str, Any]:
    return {"messages": [{"role": "user", "content": f"What is {name}?"},
                         {"role": "assistant", "content": f"{name} is a part of the list of parts."}]}  # fmt: skip


@pytest.fixture(scope="module")
def frozen(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A dataset of conversations, pairs and a run with calls, published."""
    root = tmp_path_factory.mktemp("export")
    rows = [conversation(name) for name in NAMES]
    rows += [{**conversation(f"{name}x"), "rejected": "I do not know."} for name in NAMES]
    rest = [
        {"role": "assistant", "content": "", "tool_calls": [CALL]},
        {"role": "tool", "tool_call_id": "c1", "content": "22"},
        {"role": "assistant", "content": "Port 22 is open."},
    ]
    asked = ({"role": "user", "content": f"{name}: which ports are open?"} for name in NAMES)
    rows += [{"messages": [question, *rest], "tools": [TOOL]} for question in asked]
    (root / "rows.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(root)
        settings = ["model=tiny", "source=[jsonl]", "source.jsonl.paths=[rows.jsonl]", "synthesis=none", "dedup=none"]
        assert main(["dataset", "build", *settings]) == 0
    return next((root / "data" / "none").glob("jsonl-v1"))


def counted(frozen: Path, split: str) -> tuple[int, int]:
    rows = list(read_jsonl(frozen / f"{split}.jsonl"))
    pairs = sum(bool(row["rejected"]) for row in rows)
    return len(rows) - pairs, pairs


def test_llama_factory_is_told_what_each_file_is(frozen: Path, tmp_path: Path) -> None:
    export(frozen, "llama_factory", tmp_path / "out", "parts")
    info = read_json(tmp_path / "out" / "dataset_info.json")
    assert {"parts_train", "parts_train_pairs", "parts_test", "parts_test_pairs"} <= set(info)
    plain, pairs = info["parts_train"], info["parts_train_pairs"]
    rows = read_json(tmp_path / "out" / plain["file_name"])
    assert (plain["formatting"], len(rows)) == ("openai", counted(frozen, "train")[0])
    assert plain["tags"]["role_tag"] == "role"
    chosen = read_json(tmp_path / "out" / pairs["file_name"])
    assert pairs["ranking"] is True
    assert len(chosen) == counted(frozen, "train")[1]
    assert chosen[0]["rejected"] == {"role": "assistant", "content": "I do not know."}
    assert chosen[0]["messages"][-1]["role"] == "user"
    assert any(row.get("tools") == [TOOL] for row in rows), "calls and the tools that were offered go along"


def test_axolotl_gets_settings_beside_the_rows(frozen: Path, tmp_path: Path) -> None:
    export(frozen, "axolotl", tmp_path / "out", "parts")
    settings = yaml.safe_load((tmp_path / "out" / "axolotl.yaml").read_text())
    assert [entry["type"] for entry in settings["datasets"]] == ["chat_template", "chat_template.default"]
    for entry, number in zip(settings["datasets"], counted(frozen, "train"), strict=True):
        assert len(list(read_jsonl(tmp_path / "out" / entry["path"]))) == number
    assert settings["rl"] == "dpo"


def test_the_hub_reads_card_and_splits(frozen: Path, tmp_path: Path) -> None:
    import pyarrow.parquet as pq

    export(frozen, "hub", tmp_path / "out", "parts")
    text = (tmp_path / "out" / "README.md").read_text()
    facts = yaml.safe_load(text.split("---\n")[1])
    for entry in facts["configs"][0]["data_files"]:
        (file,) = (tmp_path / "out").glob(entry["path"])
        assert pq.read_table(file).num_rows == sum(counted(frozen, entry["split"]))
    assert text.split("---\n", 2)[2].strip()


@pytest.mark.parametrize("form", FORMS)
def test_nothing_is_overwritten(frozen: Path, tmp_path: Path, form: str) -> None:
    (tmp_path / "mine.txt").write_text("keep")
    with pytest.raises(InputError, match="there already"):
        export(frozen, form, tmp_path, "parts")
    assert (tmp_path / "mine.txt").read_text() == "keep"


def test_the_command_names_forms_and_files(frozen: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["dataset", "export", str(frozen), "--form", "sqlite", "--out", str(tmp_path / "a")]) == 2
    assert "llama_factory, axolotl, hub, ollama" in capsys.readouterr().err
    assert main(["dataset", "export", str(frozen), "--form", "hub", "--out", str(tmp_path / "a")]) == 0
    assert capsys.readouterr().out.splitlines()[0].endswith("README.md")


def parsed(modelfile: str) -> list[tuple[str, str]]:
    """Read a Modelfile as Ollama's parser does: a command, for messages a role, and a text that quotes may surround."""
    pattern = re.compile(
        r'^(FROM|SYSTEM|MESSAGE (?:user|assistant)) (?:"""(.*?)"""|([^\n"]*))$', re.MULTILINE | re.DOTALL
    )
    return [(match[1], match[2] if match[2] is not None else match[3]) for match in pattern.finditer(modelfile)]


def test_a_modelfile_shows_some_conversations(frozen: Path, tmp_path: Path) -> None:
    export(frozen, "ollama", tmp_path / "out", "parts")
    read = parsed((tmp_path / "out" / "Modelfile").read_text())
    assert read[0] == ("FROM", "MODEL")
    messages = [entry for entry in read if entry[0].startswith("MESSAGE")]
    assert [command for command, _ in messages] == ["MESSAGE user", "MESSAGE assistant"] * 8
    asked = {row["messages"][0]["content"]: row["messages"][1]["content"] for row in read_jsonl(frozen / "train.jsonl")
             if not row["rejected"] and not row["tools"]}  # fmt: skip
    pairs = list(zip(messages[::2], messages[1::2], strict=True))
    assert all(asked[question] == answer for (_, question), (_, answer) in pairs)


def dataset_of(rows: list[dict[str, Any]], directory: Path) -> Path:
    """Write what an export reads of a frozen dataset."""
    directory.mkdir()
    (directory / "train.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    write_json(directory / "manifest.json", {"format": FORMAT, "files": tree_digests(directory, ())})
    return directory


@pytest.mark.parametrize("text", ['She said """no""" to it.', 'It ends in "quotes"', "long " * 400])
def test_what_a_modelfile_cannot_hold_is_left_out(tmp_path: Path, text: str) -> None:
    """Nothing escapes three quotation marks there."""
    odd = {"messages": [{"role": "user", "content": "What?"}, {"role": "assistant", "content": text}]}
    rows = [{**odd, "rejected": ""}, {**conversation("this"), "rejected": ""}]
    export(dataset_of(rows, tmp_path / "both"), "ollama", tmp_path / "out", "parts")
    assert [text for command, text in parsed((tmp_path / "out" / "Modelfile").read_text()) if "user" in command] == [
        "What is this?"
    ]
    with pytest.raises(InputError, match="no conversation of the training split fits"):
        export(dataset_of(rows[:1], tmp_path / "one"), "ollama", tmp_path / "other", "parts")


def test_a_dataset_that_changed_since_it_was_frozen_is_not_exported(frozen: Path, tmp_path: Path) -> None:
    changed = tmp_path / "changed"
    shutil.copytree(frozen, changed)
    rows = changed / "train.jsonl"
    rows.chmod(0o644)
    rows.write_bytes(rows.read_bytes().replace(b"list of parts", b"list of carts", 1))
    with pytest.raises(InputError, match=r"train\.jsonl changed since the version was finished"):
        export(changed, "llama_factory", tmp_path / "out", "parts")
    assert not (tmp_path / "out").exists()
