from __future__ import annotations

import dataclasses
import multiprocessing
import shutil
import signal
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

import pytest
import yaml
from markdown_it import MarkdownIt

from secft import versions
from secft.config.schemas.curation import CurationConfig
from secft.config.schemas.dedup import DedupConfig
from secft.dataset import freeze as freezing
from secft.dataset.curate import curate_dataset
from secft.dataset.curation.screening import Screening
from secft.dataset.freeze import FORMAT, DatasetDescription, publish
from secft.errors import InputError, StorageError
from secft.executor import InProcess, Workplace
from secft.files import read_jsonl, tree_digests
from secft.records import Example
from secft.versions import check_files

from .conftest import WordTokens, plain_rows

SOURCES = {
    "cwe": {
        "version": "4.14",
        "documents": 879,
        "license": "CWE Terms",
        "url": "https://cwe.mitre.org/",
        "dropped": {"x": 1, "record.status Draft": 2},
    }
}


def build(examples_file: Path, out: Path, seed: int = 7, **settings: Any) -> dict[str, Any]:
    rules = CurationConfig(name="standard", max_examples_per_task={"refuse": 20}, **settings)
    describe = DatasetDescription("cwe", "template", SOURCES, {"name": "template"}, {"cwe/catalogue": "abc"}, "words")
    dedup = DedupConfig(name="exact")
    screening = Screening(examples_file, rules, WordTokens(), 300, seed, None)
    with tempfile.TemporaryDirectory() as shards:
        return curate_dataset(screening, out, dedup, Workplace(InProcess(), Path(shards), 500), describe)


@pytest.fixture(scope="module")
def small_file(examples: list[Example], tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("small") / "examples.jsonl"
    rows = plain_rows(example for example in examples if example.family.endswith("5"))
    freezing.write_splits(path.parent, {"examples": rows})
    return path


@pytest.fixture(scope="module")
def frozen(small_file: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("frozen")
    build(small_file, out)
    return out


def test_same_input_gives_the_same_bytes(small_file: Path, frozen: Path, tmp_path: Path) -> None:
    build(small_file, tmp_path)
    assert tree_digests(tmp_path, ()) == tree_digests(frozen, ())


def test_manifest_tells_everything(frozen: Path) -> None:
    manifest = check_files(frozen, FORMAT)
    assert set(manifest["files"]) == {
        "DATASET_CARD.md",
        "croissant.json",
        "duplicates.jsonl",
        *(f"{split}.{kind}" for split in ("train", "validation", "test") for kind in ("jsonl", "parquet")),
    }
    assert manifest["splits"]["train"]["examples"] == sum(row["train"] for row in manifest["counts"].values())
    assert manifest["splits"]["train"]["tokens"] > 1000
    assert manifest["parents"] == {"cwe/catalogue": "abc"}
    assert manifest["config"]["curation"]["max_examples_per_task"] == {"refuse": 20}
    assert len(manifest["licenses"]) == 3
    last = max(path.stat().st_mtime_ns for path in frozen.iterdir() if path.name != "manifest.json")
    assert (frozen / "manifest.json").stat().st_mtime_ns >= last


def test_card_has_metadata_and_body(frozen: Path) -> None:
    _, head, body = (frozen / "DATASET_CARD.md").read_text().split("---\n", 2)
    metadata = yaml.safe_load(head)
    assert metadata["license"] == ["apache-2.0", "other"]
    assert "MITRE" in metadata["license_name"]
    assert metadata["language"] == ["en"]
    assert metadata["size_categories"]
    assert [row["split"] for row in metadata["configs"][0]["data_files"]] == ["train", "validation", "test"]
    for title in ("Sources", "Contents", "How rows were dropped", "Samples", "Limits", "How to load", "Identity"):
        assert f"## {title}\n" in body
    assert str(Path.home()) not in body
    assert "4.14" in body
    assert "x: 1; status Draft: 2" in body


def test_rows_are_the_same_in_both_formats(frozen: Path) -> None:
    parquet = pytest.importorskip("pyarrow.parquet")
    for split in ("train", "validation", "test"):
        rows = list(read_jsonl(frozen / f"{split}.jsonl"))
        assert parquet.read_table(frozen / f"{split}.parquet").to_pylist() == rows
        row = rows[0]
        assert row["assistant"] == row["messages"][-1]["content"]
        assert list(row) == list(Example.record(_example(row)))


def _example(row: dict[str, Any]) -> Example:
    from secft.records import example_from_record

    return example_from_record(row)


@pytest.mark.parametrize("fractions", [(0.2, 0.1), (0.0, 0.0)])
def test_datasets_loads_it(
    small_file: Path, tmp_path: Path, fractions: tuple[float, float], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HF_DATASETS_OFFLINE", "1")
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    script = """
import sys
from datasets import load_dataset
place, cache = sys.argv[1:]
names = ["train", "validation", "test"]
text = open(f"{place}/DATASET_CARD.md").read()
code = text.split("```python\\n")[1].split("```")[0].replace("data/template/cwe-vN", place)
shown = {}
exec(code.replace("load_dataset(", "load_dataset(cache_dir=cache, path="), {"cache": cache}, shown)
whole = shown["dataset"]
full = [name for name in names if open(f"{place}/{name}.jsonl", "rb").read(1)]
parquet = load_dataset("parquet", data_files={name: f"{place}/{name}.parquet" for name in full}, cache_dir=cache)
lines = load_dataset("json", data_files={name: f"{place}/{name}.jsonl" for name in full}, cache_dir=cache)
assert list(whole) == full
for name in full:
    assert whole[name].features == parquet[name].features
    assert whole[name].num_rows == parquet[name].num_rows == lines[name].num_rows
    assert whole[name][0] == parquet[name][0]
print(full)
"""
    from secft.config.schemas.curation import SplitConfig

    build(small_file, tmp_path / "d", split=SplitConfig(test_fraction=fractions[0], validation_fraction=fractions[1]))
    command = [sys.executable, "-c", script, str(tmp_path / "d"), str(tmp_path / "cache")]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 0, done.stderr
    assert done.stdout.strip() == str(["train", "validation", "test"] if fractions[0] else ["train"])
    parquet = pytest.importorskip("pyarrow.parquet")
    schemas = [parquet.read_schema(tmp_path / "d" / f"{split}.parquet") for split in ("train", "validation", "test")]
    assert schemas[0] == schemas[1] == schemas[2], "an empty split has the same columns"


def test_nothing_left_is_an_error(small_file: Path, tmp_path: Path) -> None:
    with pytest.raises(InputError, match="no training example is left"):
        build(small_file, tmp_path, min_answer_tokens=10_000)
    assert not (tmp_path / "manifest.json").exists()


def test_versions(small_file: Path, frozen: Path, tmp_path: Path) -> None:
    first = publish(frozen, tmp_path / "data", "template", "cwe")
    assert first == tmp_path / "data" / "template" / "cwe-v1"
    assert publish(frozen, tmp_path / "data", "template", "cwe") == first
    build(small_file, tmp_path / "other", seed=8)
    second = publish(tmp_path / "other", tmp_path / "data", "template", "cwe")
    assert second.name == "cwe-v2"
    assert publish(frozen, tmp_path / "data", "template", "cwe") == first
    assert publish(frozen, tmp_path / "data", "template", "cwe-extra").name == "cwe-extra-v1"
    shutil.rmtree(first)
    assert publish(frozen, tmp_path / "data", "template", "cwe").name == "cwe-v3", "numbers are not used again"


def test_tampering_is_noticed(frozen: Path, tmp_path: Path) -> None:
    published = publish(frozen, tmp_path, "template", "cwe")
    card = published / "DATASET_CARD.md"
    card.chmod(0o644)
    card.write_text("nothing")
    with pytest.raises(InputError, match=r"DATASET_CARD\.md changed"):
        publish(frozen, tmp_path, "template", "cwe")


def test_strange_names_are_refused(frozen: Path, tmp_path: Path) -> None:
    for name in ("../up", "a/b", "", ".hidden", "a:b"):
        with pytest.raises(InputError, match="cannot be the name of a"):
            publish(frozen, tmp_path, "template", name)
        with pytest.raises(InputError, match="cannot be the name of a"):
            publish(frozen, tmp_path, name, "cwe")


def _publish(source: str, root: str) -> str:
    return publish(Path(source), Path(root), "template", "cwe").name


def test_two_processes_agree(frozen: Path, tmp_path: Path) -> None:
    with multiprocessing.get_context("spawn").Pool(3) as pool:
        names = pool.starmap(_publish, [(str(frozen), str(tmp_path))] * 3)
    assert names == ["cwe-v1"] * 3
    assert [path.name for path in (tmp_path / "template").iterdir() if path.is_dir()] == ["cwe-v1"]


KILLED = """
import os, shutil, signal, sys
from pathlib import Path
from secft.dataset import freeze
copy = shutil.copyfile
def half(source, target):
    if target.name == "train.jsonl":
        os.kill(os.getpid(), signal.SIGKILL)
    copy(source, target)
shutil.copyfile = half
freeze.publish(Path(sys.argv[1]), Path(sys.argv[2]), "template", "cwe")
"""


def test_a_killed_publication_leaves_no_version(frozen: Path, tmp_path: Path) -> None:
    done = subprocess.run([sys.executable, "-c", KILLED, str(frozen), str(tmp_path)], check=False, timeout=60)
    assert done.returncode == -signal.SIGKILL
    assert not (tmp_path / "template" / "cwe-v1").exists()
    assert publish(frozen, tmp_path, "template", "cwe").name == "cwe-v1"
    assert not list((tmp_path / "template").glob(".cwe-v*"))


def test_full_disk_and_missing_permission(frozen: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: object, **__: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(versions.shutil, "copyfile", full)
    with pytest.raises(StorageError, match="no space is left"):
        publish(frozen, tmp_path, "template", "cwe")
    assert not [path for path in (tmp_path / "template").iterdir() if path.is_dir()]


def test_card_has_short_tables(frozen: Path, examples: list[Example], tmp_path: Path) -> None:
    body = (frozen / "DATASET_CARD.md").read_text()
    manifest = check_files(frozen, FORMAT)
    for title in ("Lengths", "Balance", "Kept clear of"):
        assert f"\n## {title}\n" in body
    assert "Asked of a model" not in body, "no model was asked"
    longest = next(row for row in manifest["lengths"]["rows"] if row["task"] == "explain" and row["split"] == "train")
    cells = [longest[key] for key in ("examples", "shortest", "median", "longest")]
    assert f"| explain | train | {' | '.join(map(str, cells))} |" in body
    assert sum(sum(row["bins"]) for row in manifest["lengths"]["rows"]) == sum(
        split["examples"] for split in manifest["splits"].values()
    )
    assert sum(row["tokens"] for row in manifest["lengths"]["rows"]) == sum(
        split["tokens"] for split in manifest["splits"].values()
    )
    teacher = {"asked": {"remediation": 9}, "accepted": {"remediation": 4}, "rejected": {"form: no | question": 5}}
    describe = DatasetDescription("cwe", "gemini", SOURCES, teacher=teacher)
    splits = {"train": plain_rows(examples[:3]), "validation": [], "test": plain_rows(examples[3:5])}
    freezing.freeze(tmp_path, splits, [], dict.fromkeys(splits, 10), {}, describe)
    card = (tmp_path / "DATASET_CARD.md").read_text()
    assert "| remediation | 9 | 4 |" in card
    assert "| form: no \\| question | 5 |" in card
    assert "no text was sent to a server" in card


def test_card_says_what_was_replaced_and_what_was_sent(examples: list[Example], tmp_path: Path) -> None:
    sources = {"cwe": {**SOURCES["cwe"], "scrubbed": {"EMAIL": 3}}}
    teacher = {"asked": {"remediation": 9}, "accepted": {"remediation": 4}, "rejected": {}}
    sent = {"llm.corp.net": {"requests": 9, "passages": 8, "characters": 7000}}
    describe = DatasetDescription("cwe", "openai", sources, teacher=teacher, sent=sent)
    splits = {"train": plain_rows(examples[:3]), "validation": [], "test": []}
    freezing.freeze(tmp_path, splits, [], dict.fromkeys(splits, 10), {}, describe)
    card = (tmp_path / "DATASET_CARD.md").read_text()
    assert "replaced &lt;EMAIL&gt;: 3" in card
    assert "| llm.corp.net | 9 | 8 | 7000 |" in card
    assert check_files(tmp_path, FORMAT)["sent"] == sent


def test_texts_of_sources_are_inert_in_the_card(examples: list[Example], tmp_path: Path) -> None:
    evil = "x\x1b[2J <script>alert(1)</script> ![a](http://evil.example/a.png) | b\n# Heading"
    source = {**SOURCES["cwe"], "license": evil, "version": evil, "url": f"javascript:alert(1)//{evil}"}
    hostile = [
        dataclasses.replace(
            one,
            messages=({"role": "user", "content": evil}, {"role": "assistant", "content": f"{evil} is told."}),
            provenance=dataclasses.replace(one.provenance, license=evil, url=f"javascript:alert(1)//{evil}"),
        )
        for one in examples[:3]
    ]
    splits = {"train": plain_rows(hostile), "validation": [], "test": []}
    freezing.freeze(tmp_path, splits, [], dict.fromkeys(splits, 10), {}, DatasetDescription("cwe", "x", {"a": source}))
    card = (tmp_path / "DATASET_CARD.md").read_text()
    _, head, body = card.split("---\n", 2)
    assert yaml.safe_load(head)["license"]
    assert "\x1b" not in card
    page = MarkdownIt("gfm-like", {"html": True, "linkify": False}).render(body)
    for made in ("<script", "<img", 'href="javascript', "<h1>Heading"):
        assert made not in page, made
    assert "evil.example" in body
