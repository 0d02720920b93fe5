"""python -m secft dataset: what it says, and what it notices."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from secft.__main__ import main
from secft.config.schemas.curation import CurationConfig
from secft.config.schemas.dedup import DedupConfig
from secft.dataset.freeze import DatasetDescription, content_digest, freeze, publish
from secft.dataset.rows import write_splits
from secft.files import read_json, read_jsonl, sha256_file, write_json
from secft.records import Example, example_from_record
from secft.versions import CORPUS_FORMAT

from .conftest import MakeExample, curate_examples, plain_rows, plain_splits

NUMBERS = ("one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten", "eleven", "twelve")
SOURCES = {"test": {"version": "1", "documents": 12, "license": "cc0-1.0", "url": "", "dropped": {"empty": 2}}}


def build(out: Path, rows: list[Example], version: str = "1", **settings: Any) -> Path:
    rules = CurationConfig(name="standard", **{"max_examples_per_task": {}, **settings})
    curated = curate_examples(rows, rules, DedupConfig(name="exact"))
    sources = {"test": {**SOURCES["test"], "version": version}}
    describe = DatasetDescription("numbers", "template", sources, {"name": "template"}, {"examples": "ab" * 32})
    freeze(out, plain_splits(curated), curated.funnel, curated.tokens, {"curation": rules}, describe)
    return out


@pytest.fixture(scope="module")
def examples(make_example: MakeExample) -> list[Example]:
    return [make_example(f"t:{n}", f"What is entry {n}?", f"Entry {n} is the {n}th of its kind.") for n in NUMBERS]


@pytest.fixture(scope="module")
def published(examples: list[Example], make_example: MakeExample, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A data root with two versions; the second has another text, another row, and lacks one."""
    root = tmp_path_factory.mktemp("published")
    changed = make_example("t:two", "What is entry two?", "Entry two is something else now.")
    added = make_example("t:many", "What is entry many?", "Entry many is the last of its kind.")
    publish(build(root / "first", examples), root / "data", "template", "numbers")
    second = [changed if row.id == "t:two" else row for row in examples if row.id != "t:one"]
    publish(build(root / "second", [*second, added], "2", min_answer_tokens=2), root / "data", "template", "numbers")
    return root / "data"


@pytest.fixture
def data(published: Path, tmp_path: Path) -> Path:
    """A copy that a test may damage."""
    shutil.copytree(published, tmp_path / "data")
    for path in (tmp_path / "data").rglob("*"):
        path.chmod(0o755 if path.is_dir() else 0o644)
    return tmp_path / "data"


def ask(root: Path, *arguments: str) -> int:
    return main(["dataset", *arguments, f"paths.data={root}"])


def asked_json(capsys: pytest.CaptureFixture[str], root: Path, *arguments: str) -> Any:
    assert ask(root, *arguments, "--json") == 0
    return json.loads(capsys.readouterr().out)


def test_list(published: Path, capsys: pytest.CaptureFixture[str]) -> None:
    rows = asked_json(capsys, published, "list")
    assert [row["dataset"] for row in rows] == ["template/numbers-v1", "template/numbers-v2"]
    manifest = read_json(published / "template" / "numbers-v1" / "manifest.json")
    assert rows[0]["digest"] == manifest["digest"]
    assert sum(rows[0]["rows"].values()) == 12
    assert rows[0]["bytes"] == sum(path.stat().st_size for path in (published / "template" / "numbers-v1").iterdir())
    assert ask(published, "list") == 0
    text = capsys.readouterr().out
    assert text.splitlines()[1].startswith("template/numbers-v1")
    assert manifest["digest"][:12] in text


def test_list_goes_on_after_a_broken_version(data: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (data / "template" / "numbers-v1" / "manifest.json").write_text("{")
    rows = asked_json(capsys, data, "list")
    assert "not valid JSON" in rows[0]["problem"]
    assert rows[1]["rows"]["train"]
    assert ask(data, "verify", "numbers-v1") == 2
    assert "not valid JSON" in capsys.readouterr().out
    assert ask(data / "nowhere", "list") == 0
    assert "no dataset" in capsys.readouterr().out


@pytest.mark.parametrize("name", ["numbers", "numbers-v2", "template/numbers", "template/numbers-v2", "PATH"])
def test_show_finds_a_dataset_by_every_name(published: Path, capsys: pytest.CaptureFixture[str], name: str) -> None:
    word = str(published / "template" / "numbers-v2") if name == "PATH" else name
    assert ask(published, "show", word) == 0
    text = capsys.readouterr().out
    assert text.startswith("template/numbers-v2")
    for part in ("exact duplicates", "cc0-1.0", "empty: 2", "[explain]", "What is entry", "ab" * 32):
        assert part in text
    found = asked_json(capsys, published, "show", word)
    numbers = [found["counts"]["explain"][split] for split in ("train", "validation", "test")]
    (line,) = (line for line in text.splitlines() if line.startswith("explain "))
    assert line.split() == ["explain", *map(str, numbers)]
    assert found["samples"]["explain"]["user"].startswith("What is entry")
    assert found["sources"]["test"]["version"] == "2"


def test_unknown_and_ambiguous_names(data: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert ask(data, "show", "nubmers") == 2
    assert "Did you mean 'numbers'?" in capsys.readouterr().err
    shutil.copytree(data / "template", data / "other")
    assert ask(data, "show", "numbers") == 2
    assert "other/numbers, template/numbers" in capsys.readouterr().err
    assert ask(data, "show", "other/numbers") == 0


@pytest.mark.parametrize("change", [{"files": []}, {"splits": 3}, {"funnel": {}}, {"format": 9}])
def test_manifests_of_another_shape_are_told(
    data: Path, capsys: pytest.CaptureFixture[str], change: dict[str, Any]
) -> None:
    path = data / "template" / "numbers-v1" / "manifest.json"
    write_json(path, {**read_json(path), **change})
    for verb in ("show", "verify"):
        assert ask(data, verb, "numbers-v1") == 2
        captured = capsys.readouterr()
        assert "manifest.json: " in captured.err + captured.out


def test_a_corpus_is_listed_as_one_and_not_verified(data: Path, capsys: pytest.CaptureFixture[str]) -> None:
    place = data / "nanogpt" / "logs-v1"
    place.mkdir(parents=True)
    splits = {"train": {"tokens": 900}, "val": {"tokens": 100}}
    manifest = {"format": CORPUS_FORMAT, "digest": "c" * 64, "splits": splits, "vocabulary": {"level": "character"}}
    write_json(place / "manifest.json", manifest)
    assert [row["kind"] for row in asked_json(capsys, data, "list")] == ["corpus", "dataset", "dataset"]
    assert ask(data, "list") == 0
    (line,) = (line for line in capsys.readouterr().out.splitlines() if line.startswith("nanogpt/logs-v1"))
    assert line.split()[1:3] == ["corpus", "1,000"]
    assert line.split()[-1] == "c" * 12
    assert ask(data, "verify") == 0
    assert "nanogpt/logs-v1: skipped, it is a corpus for pretraining" in capsys.readouterr().out
    assert ask(data, "verify", "logs", "--json") == 0
    assert json.loads(capsys.readouterr().out)[0]["ok"] is None
    assert ask(data, "show", "logs") == 2
    assert "a corpus for pretraining, not a dataset" in capsys.readouterr().err


def test_show_lets_no_text_command_the_terminal(
    make_example: MakeExample, examples: list[Example], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    evil = make_example("t:zero", "What is \x1b]0;owned\x07 entry zero?", "Entry zero \x1b[2J is before all others.")
    splits = {"train": plain_rows([evil]), "validation": [], "test": plain_rows(examples[:1])}
    describe = DatasetDescription("numbers", "template", SOURCES)
    freeze(tmp_path / "d", splits, [], dict.fromkeys(splits, 1), {}, describe)
    assert ask(tmp_path, "show", str(tmp_path / "d")) == 0
    shown = capsys.readouterr().out
    assert "entry zero" in shown
    assert "\x1b" not in shown
    assert "\x07" not in shown


def test_diff(published: Path, capsys: pytest.CaptureFixture[str]) -> None:
    found = asked_json(capsys, published, "diff", "numbers-v1", "numbers-v2")
    assert not found["same"]
    assert {"key": "curation.min_answer_tokens", "old": 1, "new": 2} in found["config"]
    assert {"key": "test.version", "old": "1", "new": "2"} in found["sources"]
    assert found["rows"]["examples"] == {"added": ["t:many"], "removed": ["t:one"], "changed": ["t:two"], "moved": []}
    assert found["rows"]["unchanged"] == 10
    assert ask(published, "diff", "numbers-v1", "numbers-v2") == 0
    text = capsys.readouterr().out
    assert "1 added: t:many" in text
    assert "10 unchanged" in text
    same = asked_json(capsys, published, "diff", "numbers-v1", "numbers-v1")
    assert same["same"]
    assert not same["config"] + same["sources"] + same["counts"]


def rewrite(directory: Path, change: Callable[[dict[str, list[Example]]], None], parquet: bool = True) -> None:
    """Change rows and make all digests right again, as somebody would who wants to hide it."""
    splits = {
        split: [example_from_record(row) for row in read_jsonl(directory / f"{split}.jsonl")]
        for split in ("train", "validation", "test")
    }
    kept = {split: (directory / f"{split}.parquet").read_bytes() for split in splits}
    change(splits)
    manifest = read_json(directory / "manifest.json")
    for split, rows in splits.items():
        write_splits(directory, {split: plain_rows(rows)})
        if not parquet:
            (directory / f"{split}.parquet").write_bytes(kept[split])
        manifest["splits"][split]["examples"] = len(rows)
        manifest["counts"]["explain"][split] = len(rows)
    croissant = read_json(directory / "croissant.json")
    for entry in croissant["distribution"]:
        entry["sha256"] = sha256_file(directory / entry["contentUrl"])
    write_json(directory / "croissant.json", croissant)
    manifest["digest"] = content_digest(directory, {**manifest["config"], "dedup": {}}, manifest["parents"])
    manifest["files"] = {name: sha256_file(directory / name) for name in manifest["files"]}
    write_json(directory / "manifest.json", manifest)


def faults_of(capsys: pytest.CaptureFixture[str], data: Path, code: int = 2) -> list[str]:
    assert ask(data, "verify", "numbers-v1", "--json") == code
    return list(json.loads(capsys.readouterr().out)[0]["faults"])


def test_verify_finds_nothing_in_sound_datasets(data: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert ask(data, "verify") == 0
    assert ask(data, "verify", "all") == 0
    assert capsys.readouterr().out.splitlines() == ["template/numbers-v1: ok", "template/numbers-v2: ok"] * 2
    rewrite(data / "template" / "numbers-v1", lambda splits: None)
    assert faults_of(capsys, data, 0) == []


def test_verify_names_files_that_changed_are_missing_or_were_added(
    data: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    place = data / "template" / "numbers-v1"
    (place / "DATASET_CARD.md").write_text("nothing")
    (place / "duplicates.jsonl").unlink()
    (place / "notes.txt").write_text("mine")
    told = faults_of(capsys, data)
    assert [fault.split(":")[0] for fault in told[:3]] == ["DATASET_CARD.md", "duplicates.jsonl", "notes.txt"]
    assert "changed" in told[0]
    assert "missing" in told[1]
    assert "not in the manifest" in told[2]
    assert any(fault.startswith("croissant.json: its digests do not fit DATASET_CARD.md") for fault in told)
    assert ask(data, "verify") == 2
    shown = capsys.readouterr().out
    assert "template/numbers-v1: is wrong\n  - DATASET_CARD.md: changed" in shown
    assert "template/numbers-v2: ok" in shown
    (place / "train.jsonl").unlink()
    assert "train.jsonl: is missing" in faults_of(capsys, data)


def test_verify_recomputes_the_content_digest(data: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = data / "template" / "numbers-v1" / "manifest.json"
    manifest = read_json(path)
    manifest["config"]["curation"]["min_answer_tokens"] = 9
    write_json(path, manifest)
    sealed, fault = faults_of(capsys, data)
    assert "changed since it was frozen" in sealed
    assert "content digest" in fault


@pytest.mark.parametrize(
    "change",
    [
        lambda manifest: manifest["sources"]["test"].update(license="mit"),
        lambda manifest: manifest.update(teacher={"asked": {"question_answer": 9}}),
        lambda manifest: manifest["funnel"][0].update(seen=1),
    ],
    ids=["licence", "teacher", "funnel"],
)
def test_verify_finds_an_edited_manifest(data: Path, capsys: pytest.CaptureFixture[str], change: Any) -> None:
    place = data / "template" / "numbers-v1" / "manifest.json"
    manifest = json.loads(place.read_text())
    change(manifest)
    place.write_text(json.dumps(manifest))
    assert ask(data, "verify", "numbers-v1") == 2
    assert "manifest.json: changed since it was frozen" in capsys.readouterr().out


@pytest.mark.parametrize(
    "change",
    [
        lambda manifest: manifest["counts"].update(explain={"train": 3}),
        lambda manifest: manifest["splits"].update(test=5),
        lambda manifest: manifest.update(funnel=[{"step": "x"}]),
        lambda manifest: manifest.update(files={"train.jsonl": 3}),
        lambda manifest: manifest.update(config={"curation": []}),
        lambda manifest: manifest.update(sources={"test": None}),
    ],
)
def test_a_damaged_manifest_is_an_error_of_one_line(
    data: Path, capsys: pytest.CaptureFixture[str], change: Any
) -> None:
    place = data / "template" / "numbers-v1" / "manifest.json"
    manifest = json.loads(place.read_text())
    change(manifest)
    place.write_text(json.dumps(manifest))
    assert ask(data, "verify", "all") == 2
    told = capsys.readouterr().out
    assert "numbers-v1: is wrong" in told
    assert "numbers-v2: ok" in told


def test_verify_compares_parquet_with_jsonl(data: Path, capsys: pytest.CaptureFixture[str]) -> None:
    def change(splits: dict[str, list[Example]]) -> None:
        splits["train"][0] = splits["train"][0].__class__(**{**splits["train"][0].__dict__, "family": "other"})

    rewrite(data / "template" / "numbers-v1", change, parquet=False)
    _, fault = faults_of(capsys, data)
    assert fault.startswith("train.parquet and train.jsonl differ in row 1 (t:")
    (data / "template" / "numbers-v1" / "train.parquet").write_bytes(b"PAR1 no")
    assert any("cannot be read as Parquet" in told for told in faults_of(capsys, data))


def test_verify_keeps_splits_apart(data: Path, capsys: pytest.CaptureFixture[str], make_example: MakeExample) -> None:
    def change(splits: dict[str, list[Example]]) -> None:
        first = splits["train"][0]
        question, answer = (message["content"] for message in first.messages[1:])
        splits["test"].append(make_example("t:copy", question, answer, entity=first.entity))
        splits["test"].append(splits["train"][1])

    rewrite(data / "template" / "numbers-v1", change)
    told = " | ".join(faults_of(capsys, data))
    assert "ids come more than once" in told
    assert "the same entity stands in two splits" in told
    assert "the same text stands in two splits" in told
    assert "(test and train)" in told


CHATS = [{"user": f"What is number {name}?", "assistant": f"Number {name} is what comes then."} for name in NUMBERS]


def test_a_dataset_is_built_previewed_and_found_by_the_next_run(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "chats.jsonl").write_text("".join(json.dumps(row) + "\n" for row in CHATS))
    settings = ["model=tiny", "source=[jsonl]", "source.jsonl.path=chats.jsonl", "synthesis=none"]
    assert main(["dataset", "build", *settings]) == 0
    assert "dataset data/none/jsonl-v1" in capsys.readouterr().out
    assert main(["dataset", "build", *settings]) == 0
    assert "(reused)" in capsys.readouterr().err
    assert [path.name for path in (tmp_path / "data" / "none").iterdir() if path.is_dir()] == ["jsonl-v1"]
    assert main(["dataset", "preview", "jsonl", "--rows", "3", "model=tiny"]) == 0
    told = capsys.readouterr().out
    assert told.count("trained\n") + told.count("trained ") >= 3
    assert re.search(r"\[\[Number \w+ is what comes then\.<\|im_end\|>\]\]", told)
    assert main(["dataset", "preview", "jsonl", "--html", "page.html", "model=tiny"]) == 0
    page = (tmp_path / "page.html").read_text()
    assert "<mark>Number " in page
    assert "<script" not in page
    assert main(["dataset", "verify"]) == 0


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["build", "trainer.learning_rate=0.1"], "is not read by dataset build"),
        (["build", "gates.target_tasks=[labels]"], "is not read by dataset build"),
        (["build", "source=[jsonl]", "source.jsonl.path=missing.jsonl"], "no such file"),
        (["preview"], "NAME"),
        (["preview", "nothing"], "nothing"),
    ],
)
def test_what_cannot_be_built_or_previewed_is_told(
    arguments: list[str], said: str, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    assert main(["dataset", *arguments]) == 2
    assert said in capsys.readouterr().err


def test_wrong_use_shows_the_usage(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    wrong = [["shwo", "x"], ["show"], ["diff", "a"], ["list", "a"], ["list", "--jsno"]]
    for arguments in wrong:
        assert ask(tmp_path, *arguments) == 2
        assert "usage: python -m secft dataset" in capsys.readouterr().err
    assert main(["dataset"]) == 2
    assert main(["dataset", "--help"]) == 0
    assert "digests, equal rows in both formats" in capsys.readouterr().out
    assert main(["dataset", "diff", "--help"]) == 0
    assert "dataset diff [-h] [--json] NAME NAME" in capsys.readouterr().out
    assert main(["dataset", "list", "seed=3"]) == 2
    assert "seed: no such setting" in capsys.readouterr().err
    assert main(["dataset", "list", "paths.dta=x"]) == 2
    assert "Did you mean 'paths.data'?" in capsys.readouterr().err
    assert main(["--help"]) == 0
    assert "build, import, list, show, preview, export, diff or verify frozen datasets" in capsys.readouterr().out


def test_nothing_heavy_is_imported(published: Path) -> None:
    code = (
        "import sys; from secft.__main__ import main; "
        "assert main(['dataset', 'list', *sys.argv[1:]]) == 0; "
        "assert main(['dataset', 'show', 'numbers', *sys.argv[1:]]) == 0; "
        "bad = {'torch', 'transformers', 'pyarrow', 'datasets'} & set(sys.modules); assert not bad, bad"
    )
    command = [sys.executable, "-c", code, f"paths.data={published}"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stderr
