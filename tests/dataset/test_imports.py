"""Datasets of other programs become frozen ones: what they call things, and what is not read."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
import yaml

from secft.__main__ import main
from secft.dataset.export import FORMS, export
from secft.dataset.imports import IMPORTED, imported
from secft.dataset.sources.own_records import JsonlSource, ParquetSource
from secft.errors import InputError
from secft.files import read_json, read_jsonl

NAMES = [f"{a}{b}" for a in "bcdfghkl" for b in ("ar", "el", "in", "os", "um")]


def rows_of(source: JsonlSource | ParquetSource) -> list[dict[str, Any]]:
    return [row for path in source.paths for row in json.loads(Path(path).read_text())]


def llama_factory(place: Path, **entries: Mapping[str, Any]) -> Path:
    for facts in entries.values():
        if "file_name" in facts:
            (place / facts["file_name"]).write_text(json.dumps([{"q": name, "a": f"It is {name}."} for name in NAMES]))
    (place / "dataset_info.json").write_text(json.dumps(entries))
    return place


@pytest.mark.parametrize("form", ["llama_factory", "axolotl", "hub"])
def test_what_was_exported_comes_back(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, form: str) -> None:
    """The conversations of the training split of one dataset are those that another one has in all its splits."""
    monkeypatch.chdir(tmp_path)
    rows = [{"user": f"What is {name}?", "assistant": f"{name} is a part of the list of parts."} for name in NAMES]
    (tmp_path / "rows.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    plain = ["model=tiny", "dedup=none"]
    built = ["source=[jsonl]", "source.jsonl.paths=[rows.jsonl]", "synthesis=none"]
    assert main(["dataset", "build", *plain, *built]) == 0
    frozen = tmp_path / "data" / "none" / "jsonl-v1"
    export(frozen, form, tmp_path / "out", "parts")
    place = {"llama_factory": "out/dataset_info.json", "axolotl": "out/axolotl.yaml", "hub": "out"}[form]
    assert main(["dataset", "import", place, "--form", form, "--license", "cc0-1.0", *plain]) == 0
    made = sorted((tmp_path / "data" / "none").glob("*-v*"))[-1] if form == "hub" else frozen.with_name("jsonl-v2")
    asked = {row["messages"][-2]["content"] for split in ("train", "validation", "test")
             for row in read_jsonl(made / f"{split}.jsonl")}  # fmt: skip
    wanted = {row["messages"][-2]["content"] for split in ("train", "validation", "test")
              for row in read_jsonl(frozen / f"{split}.jsonl")}  # fmt: skip
    # Axolotl has no place for a test split.
    assert asked <= wanted
    assert len(asked) >= (0.6 if form == "axolotl" else 1) * len(wanted)
    assert set(read_json(made / "manifest.json")["licenses"]) == {"cc0-1.0"}


def test_columns_have_the_names_that_are_given_to_them(tmp_path: Path) -> None:
    place = llama_factory(tmp_path, own={"file_name": "own.json", "columns": {"prompt": "q", "response": "a"}})
    source = imported("llama_factory", place, None)
    assert source.fields == {"q": "instruction", "a": "output"}
    assert len(rows_of(source)) == len(NAMES)


def test_one_of_several_can_be_chosen(tmp_path: Path) -> None:
    columns = {"prompt": "q", "response": "a"}
    entries: dict[str, Mapping[str, Any]] = {
        name: {"file_name": f"{name}.json", "columns": columns} for name in ("one", "two")
    }
    place = llama_factory(tmp_path, **entries, three={"file_name": "three.json"})
    with pytest.raises(InputError, match="different columns; choose one with --entry"):
        imported("llama_factory", place, None)
    source = imported("llama_factory", place, "two")
    assert [Path(path).name for path in source.paths] == ["two.json"]
    with pytest.raises(InputError, match="has no four; it has one, three, two"):
        imported("llama_factory", place, "four")


@pytest.mark.parametrize(
    ("facts", "said"),
    [
        ({"hf_hub_url": "owner/name"}, "not on this machine"),
        ({"file_name": "own.json", "columns": {"images": "pictures"}}, "columns that are not read: images"),
        ({"file_name": "own.json", "tags": {"role_tag": "who"}}, "calls the role of a turn 'who'"),
    ],
)
def test_what_is_not_read_is_refused(tmp_path: Path, facts: dict[str, Any], said: str) -> None:
    with pytest.raises(InputError, match=said):
        imported("llama_factory", llama_factory(tmp_path, own=facts), None)


@pytest.mark.parametrize("name", ["../secret.json", "/etc/passwd"])
def test_files_lie_below_what_names_them(tmp_path: Path, name: str) -> None:
    (tmp_path / "secret.json").write_text("[]")
    place = tmp_path / "given"
    place.mkdir()
    (place / "dataset_info.json").write_text(json.dumps({"own": {"file_name": name}}))
    with pytest.raises(InputError, match="outside of"):
        imported("llama_factory", place, None)


def axolotl(place: Path, **facts: Any) -> Path:
    (place / "rows.jsonl").write_text(json.dumps({"dialogue": [], "q": "What?", "a": "That."}) + "\n")
    (place / "axolotl.yaml").write_text(yaml.safe_dump({"datasets": [{"path": "rows.jsonl", **facts}]}))
    return place / "axolotl.yaml"


@pytest.mark.parametrize(
    ("facts", "fields"),
    [
        ({"type": "chat_template", "field_messages": "dialogue"}, {"dialogue": "messages"}),
        ({"type": "alpaca"}, {}),
        ({"type": "completion", "field": "a"}, {"a": "text"}),
        ({"type": {"field_instruction": "q", "field_output": "a"}}, {"q": "instruction", "a": "output"}),
    ],
)
def test_types_of_axolotl(tmp_path: Path, facts: dict[str, Any], fields: dict[str, str]) -> None:
    source = imported("axolotl", axolotl(tmp_path, **facts), None)
    assert source.fields == fields


@pytest.mark.parametrize(
    ("facts", "said"),
    [
        ({"type": "orpo.chat_template"}, "type orpo.chat_template, which is not read"),
        ({"type": "chat_template", "message_property_mappings": {"role": "who"}}, "calls the role of a turn 'who'"),
        ({"type": "alpaca", "path": "owner/name"}, "has to be downloaded first"),
    ],
)
def test_what_axolotl_reads_otherwise_is_refused(tmp_path: Path, facts: dict[str, Any], said: str) -> None:
    with pytest.raises(InputError, match=said):
        imported("axolotl", axolotl(tmp_path, **facts), None)


def test_a_card_names_files_and_licence(tmp_path: Path) -> None:
    (tmp_path / "data").mkdir()
    for name in ("a.parquet", "b.parquet"):
        (tmp_path / "data" / name).write_bytes(b"")
    first = {"config_name": "first", "data_files": "data/a.parquet"}
    second = {"config_name": "second", "data_files": [{"split": "train", "path": "data/b*"}]}
    head = {"license": "mit", "configs": [first, second]}
    (tmp_path / "README.md").write_text(f"---\n{yaml.safe_dump(head)}---\n# A dataset\n")
    every, chosen = imported("hub", tmp_path, None), imported("hub", tmp_path, "second")
    assert isinstance(every, ParquetSource)
    assert ([Path(path).name for path in every.paths], every.license) == (["a.parquet", "b.parquet"], "mit")
    assert [Path(path).name for path in chosen.paths] == ["b.parquet"]
    (tmp_path / "README.md").unlink()
    assert len(imported("hub", tmp_path, None).paths) == 2


def test_yaml_that_unfolds_to_something_huge_is_refused(tmp_path: Path) -> None:
    layers = [f"a{n}: &a{n} {{<<: [{', '.join([f'*a{n - 1}'] * 9)}]}}" for n in range(1, 9)]
    bomb = "\n".join(["a0: &a0 {b: 1, c: 2}", *layers, ""])
    (tmp_path / "axolotl.yaml").write_text(bomb)
    with pytest.raises(InputError, match=r"no YAML that can be read.*more than 200,000 values"):
        imported("axolotl", tmp_path / "axolotl.yaml", None)
    (tmp_path / "README.md").write_text(f"---\n{bomb}---\n# A dataset\n")
    with pytest.raises(InputError, match="YAML at its beginning is broken"):
        imported("hub", tmp_path, None)


def test_forms_and_places_that_are_wrong(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert set(IMPORTED) == set(FORMS) - {"ollama"}
    assert main(["dataset", "import", str(tmp_path), "--form", "ollama", "model=tiny"]) == 2
    assert "llama_factory, axolotl, hub" in capsys.readouterr().err
    assert main(["dataset", "import", str(tmp_path / "no"), "--form", "hub", "model=tiny"]) == 2
    assert "is not there" in capsys.readouterr().err
    assert main(["dataset", "import", str(tmp_path), "--form", "hub", "model=tiny"]) == 2
    assert "no file of JSON or Parquet" in capsys.readouterr().err
