"""The Croissant metadata, judged by the library of its makers."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from secft.config.schemas.curation import CurationConfig
from secft.config.schemas.dedup import DedupConfig
from secft.dataset.freeze import DatasetDescription, freeze
from secft.files import read_jsonl, sha256_file

from .conftest import MakeExample, curate_examples, plain_splits


@pytest.fixture(scope="module")
def frozen(make_example: MakeExample, tmp_path_factory: pytest.TempPathFactory) -> Path:
    numbers = ("one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten", "eleven", "twelve")
    rows = [make_example(f"t:{n}", f"What is entry {n}?", f"Entry {n} is the {n}th of its kind.") for n in numbers]
    options = ("A. yes", "B. no")
    rows += [
        make_example(f"c:{n}", f"Is {n} odd?", "A. yes", "multiple_choice", choices=options, right=0) for n in numbers
    ]
    out = tmp_path_factory.mktemp("frozen")
    curated = curate_examples(rows, CurationConfig(name="x"), DedupConfig(name="exact"))
    freeze(
        out, plain_splits(curated), curated.funnel, curated.tokens, {}, DatasetDescription("numbers", "template", {})
    )
    return out


def bare(value: Any) -> Any:
    """Return a record of mlcroissant with plain names and types."""
    if isinstance(value, dict):
        return {key.rsplit("/", 1)[-1]: bare(item) for key, item in value.items()}
    if isinstance(value, list):
        return [bare(item) for item in value]
    return value.decode() if isinstance(value, bytes) else value


@pytest.mark.filterwarnings("ignore")  # of the libraries below mlcroissant, about themselves
def test_mlcroissant_finds_no_error_and_reads_the_rows(frozen: Path) -> None:
    mlc = pytest.importorskip("mlcroissant")
    dataset = mlc.Dataset(jsonld=frozen / "croissant.json")
    assert not dataset.metadata.ctx.issues.errors
    for split in ("train", "validation", "test"):
        rows = list(read_jsonl(frozen / f"{split}.jsonl"))
        assert rows
        assert [bare(record) for record in dataset.records(split)] == rows


def test_distribution_names_every_file_with_its_digest(frozen: Path) -> None:
    document = json.loads((frozen / "croissant.json").read_text())
    found = {entry["contentUrl"]: entry["sha256"] for entry in document["distribution"]}
    files = [path.name for path in frozen.iterdir() if path.name not in ("manifest.json", "croissant.json")]
    assert found == {name: sha256_file(frozen / name) for name in files}
    manifest = json.loads((frozen / "manifest.json").read_text())
    assert manifest["files"]["croissant.json"] == sha256_file(frozen / "croissant.json")
    assert manifest["digest"][:12] in document["version"]
    assert document["license"] == "https://spdx.org/licenses/CC0-1.0.html"
