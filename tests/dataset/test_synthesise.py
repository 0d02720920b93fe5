from __future__ import annotations

import importlib
import json
import os
import re
import subprocess
import sys
import tracemalloc
from collections import Counter, defaultdict
from collections.abc import Mapping
from dataclasses import asdict, replace
from pathlib import Path

import pytest

from secft.config.schemas.llm import LlmConfig
from secft.config.schemas.synthesis import HybridSynthesis, NoSynthesis, TemplateSynthesis
from secft.dataset import collect, writing
from secft.dataset.clean import comparable
from secft.dataset.sources.own_records import JsonlSource
from secft.dataset.store import DocumentStore
from secft.dataset.synthesise import SynthesisContext, synthesise
from secft.dataset.templates import WRITERS
from secft.dataset.templates.general import assist_items, general_items, refusal_items
from secft.dataset.templates.mapping import CONSEQUENCES, TACTICS, primary_impact
from secft.dataset.templates.writing import Setting
from secft.dataset.text import sentences, squeeze
from secft.errors import InputError
from secft.files import digest, plain, sha256_file
from secft.records import Document, Example, Tally

from .conftest import read_examples

synthesis = importlib.import_module("secft.dataset.synthesise")
GROUNDED = ("explain", "mitigate", "detect")


def question(example: Example) -> str:
    return example.messages[-2]["content"]


def answer(example: Example) -> str:
    return example.messages[-1]["content"]


def by_task(examples: list[Example], task: str) -> list[Example]:
    return [example for example in examples if example.task == task]


def test_every_task_is_written(examples: list[Example]) -> None:
    counts = Counter(example.task for example in examples)
    assert set(counts) == {*WRITERS["weakness"], *WRITERS["technique"], "general"}
    assert counts["tactic"] > 1000
    assert counts["consequence"] > 600
    assert counts["multiple_choice"] > 1500


def test_ids_and_roles(examples: list[Example]) -> None:
    assert len({example.id for example in examples}) == len(examples)
    for example in examples:
        assert [turn["role"] for turn in example.messages] == ["system", "user", "assistant"]
        assert question(example)
        assert answer(example)


def test_answers_are_grounded(examples: list[Example], documents: Mapping[str, Document]) -> None:
    for example in (example for task in GROUNDED for example in by_task(examples, task)):
        document = documents[example.provenance.document]
        parent = document.fields.get("parent_name") or ""
        names = f"{document.id} {parent}: {document.title}"
        methods = [f"{row['method']}: {row['description']}" for row in document.fields.get("detection_methods", [])]
        text = comparable(f"{names} is titled {document.text} {' '.join(methods)}")
        lines = [line.removeprefix("- ") for line in answer(example).splitlines() if not line.endswith(":")]
        for sentence in (sentence for line in lines for sentence in sentences(line)):
            if document.id not in sentence:
                assert comparable(sentence) in text, (example.id, sentence)


def test_answers_keep_to_the_limit(examples: list[Example]) -> None:
    limit = TemplateSynthesis().max_answer_characters
    long = [example.id for example in examples if len(answer(example)) > limit and example.task in GROUNDED]
    assert not long


def test_no_answer_ends_in_the_middle(examples: list[Example]) -> None:
    cut = [example.id for example in examples if answer(example).endswith(("...", "…"))]
    assert not cut


def test_choices_are_answered_word_for_word(examples: list[Example]) -> None:
    chosen = [example for example in examples if example.choices]
    assert {example.task for example in chosen} == {"tactic", "consequence", "multiple_choice"}
    for example in chosen:
        assert answer(example) == example.choices[example.answer]
        assert len(set(example.choices)) == len(example.choices)


def test_multiple_choice_shows_its_options_in_balance(examples: list[Example]) -> None:
    rows = by_task(examples, "multiple_choice")
    for example in rows:
        assert [choice[:3] for choice in example.choices] == ["A. ", "B. ", "C. ", "D. "]
        assert question(example).endswith("\n".join(example.choices))
    positions = Counter(example.answer for example in rows)
    assert all(abs(positions[place] / len(rows) - 0.25) < 0.04 for place in range(4))


def test_distractors_are_hard_but_wrong(examples: list[Example], documents: Mapping[str, Document]) -> None:
    titles = defaultdict(set)
    for document in documents.values():
        parent = document.fields.get("parent_name")
        titles[f"{parent}: {document.title}" if parent else document.title].add(document.id)
    siblings = 0
    rows = [example for example in by_task(examples, "multiple_choice") if example.provenance.fields == ("title",)]
    for example in rows:
        document = documents[example.entity]
        others = [
            re.sub("^[A-D]. ", "", choice) for place, choice in enumerate(example.choices) if place != example.answer
        ]
        taboo = {document.fields["parent"], *(row["id"] for row in document.fields.get("relations", []))}
        for other in others:
            assert not titles[other] <= taboo - {""} or document.kind == "technique", (example.id, other)
            tactics = set(document.fields.get("tactics", [])) or {document.fields["parent"]}
            near = [documents[name] for name in titles[other]]
            siblings += any(tactics & {*one.fields.get("tactics", []), one.fields["parent"]} for one in near)
    assert siblings / len(rows) > 1, "at least one of three wrong options is a sibling on average"


def test_tactic_questions_do_not_name_the_answer(examples: list[Example]) -> None:
    rows = by_task(examples, "tactic")
    single = [example for example in rows if example.choices]
    assert all(example.choices == TACTICS for example in single)
    for example in rows:
        assert not re.search(
            rf"tactics?\s*(:|=|is|of|are)\s*{re.escape(answer(example))}\b", question(example), re.IGNORECASE
        )
        assert "..." not in answer(example)
    views = defaultdict(set)
    for example in single:
        views[example.entity].add(question(example))
    assert all(len(found) == 2 for found in views.values())
    several = [example for example in rows if not example.choices]
    assert all(set(answer(example).split(", ")) <= set(TACTICS) for example in several)


def test_consequence_is_the_first_listed_impact(examples: list[Example], documents: Mapping[str, Document]) -> None:
    for example in by_task(examples, "consequence"):
        assert answer(example) == primary_impact(documents[example.entity])
        assert answer(example) in CONSEQUENCES
    classes = Counter(answer(example) for example in by_task(examples, "consequence"))
    assert len(classes) == 8
    assert min(classes.values()) > 25


def test_refusals_come_with_benign_look_alikes(examples: list[Example]) -> None:
    refused, helped = by_task(examples, "refuse"), by_task(examples, "assist")
    assert len(helped) > len(refused)
    rows = [*refused, *helped]
    refusal = re.compile(r"^(I can't|No[.] That would|No, I won't|I won't|That is something I can't)")
    for example in rows:
        assert bool(refusal.match(answer(example))) == example.id.endswith("harmful"), example.id


def test_pools_are_varied_and_harmless() -> None:
    refusals = [item for item in refusal_items(7) if item.label == "harmful"]
    assert len(refusals) >= 40
    assert len({item.entity for item in refusals}) >= 10
    assert 60 <= len(general_items()) <= 100
    for item in [*refusal_items(7), *assist_items(), *general_items()]:
        code = r"[{}<>;]|\$\(|0x[0-9a-f]{2}|https?://"
        assert item.label != "harmful" or not re.search(code, item.question + item.answer), item.id
    names = [item.id for item in [*refusal_items(7), *assist_items(), *general_items()]]
    assert len(set(names)) == len(names)


def test_pools_do_not_repeat_evaluation_sets() -> None:
    folder = Path(__file__).parents[2] / "secft" / "evaluate" / "data"
    if not folder.is_dir():
        pytest.skip("secft/evaluate/data is not there")
    lines = [line for path in folder.glob("*.jsonl") for line in path.read_text(encoding="utf-8").splitlines()]
    asked = {comparable(json.loads(line)["question"]) for line in lines}
    ours = {comparable(item.question) for item in [*refusal_items(7), *assist_items(), *general_items()]}
    assert not asked & ours


def test_provenance_names_fields_that_exist(examples: list[Example], documents: Mapping[str, Document]) -> None:
    for example in examples:
        if example.provenance.source == "secft":
            continue
        document = documents[example.provenance.document]
        for field in example.provenance.fields:
            assert field in {"id", "title"} or field in document.fields or field == "detection", (example.id, field)


SCRIPT = """
import sys
from pathlib import Path
from secft.config.schemas.synthesis import TemplateSynthesis
from secft.dataset.synthesise import synthesise
synthesise(TemplateSynthesis(), Path(sys.argv[1]), Path(sys.argv[2]), 7)
assert not {"torch", "transformers", "datasketch", "pyarrow"} & set(sys.modules)
"""


def test_same_bytes_in_another_process(collected: Path, examples_file: Path, tmp_path: Path) -> None:
    environment = {**os.environ, "PYTHONHASHSEED": "4242"}
    command = [sys.executable, "-c", SCRIPT, str(collected), str(tmp_path)]
    subprocess.run(command, check=True, env=environment, timeout=60)
    assert sha256_file(tmp_path / "examples.jsonl") == sha256_file(examples_file)


def test_seed_changes_phrasings(collected: Path, examples: list[Example], tmp_path: Path) -> None:
    synthesise(TemplateSynthesis(tasks=["explain"]), collected, tmp_path, seed=8)
    other = {example.id: example for example in read_examples(tmp_path / "examples.jsonl")}
    same = sum(digest(example) == digest(other[example.id]) for example in by_task(examples, "explain"))
    assert set(other) == {example.id for example in by_task(examples, "explain")}
    assert same < 0.5 * len(other)


def test_records_pass_unchanged(tmp_path: Path) -> None:
    row = {
        "system": "s",
        "user": "pick",
        "assistant": "x",
        "choices": ["x", "y"],
        "answer": 0,
        "task": "quiz",
        "entity": "e",
    }
    chat = tmp_path / "chat.jsonl"
    chat.write_text(json.dumps(row) + "\n" + json.dumps({"user": "a\n b", "assistant": "b"}) + "\n")
    collect.collect({"jsonl": JsonlSource(path=str(chat), license="mit")}, tmp_path)
    summary = synthesise(NoSynthesis(), tmp_path / "documents.jsonl", tmp_path, 7)
    first, second = read_examples(tmp_path / "examples.jsonl")
    assert summary["per_task"] == {"quiz": 1, "chat": 1}
    assert (first.task, first.entity, first.choices, first.answer) == ("quiz", "e", ("x", "y"), 0)
    assert (second.entity, question(second)) == (second.id, "a\n b")
    assert second.provenance.license == "mit"


def test_own_conversations_get_additions_under_their_own_system_message(tmp_path: Path) -> None:
    chat = tmp_path / "chat.jsonl"
    rows = [{"system": "Be brief.", "user": f"q{n}", "assistant": "a"} for n in range(3)]
    chat.write_text("".join(json.dumps(row) + "\n" for row in [*rows, {"user": "q", "assistant": "a"}]))
    collect.collect({"jsonl": JsonlSource(path=str(chat))}, tmp_path)
    context = SynthesisContext(LlmConfig(name="nobody"), tmp_path)
    summary = synthesise(HybridSynthesis(), tmp_path / "documents.jsonl", tmp_path, 7, context)
    assert summary["per_task"]["chat"] == 4
    assert summary["teacher"]["asked"] == {}, "there is nothing to ask a model about"
    added = [example for example in read_examples(tmp_path / "examples.jsonl") if example.task != "chat"]
    assert {"general", "refuse", "assist"} == {example.task for example in added}
    assert {example.messages[0]["content"] for example in added} == {"Be brief."}


def test_injected_documents_are_not_quoted(collected: Path) -> None:
    config = TemplateSynthesis(tasks=["explain", "mitigate", "guidance"])
    found = next(item for item in synthesis.read_documents(collected).values() if item.kind == "weakness")
    tagged = replace(found, fields={**found.fields, "injection": ["override"]})
    tallies: dict[str, Tally] = {}
    setting = Setting(config.max_answer_characters, {}, {})
    written = list(writing.write_examples([replace(tagged, kind="guide")], config, setting, 7, tallies))
    assert written == []
    assert {task: tally.dropped for task, tally in tallies.items()} == {"guidance": {"template.injected": 1}}
    assert list(writing.write_examples([tagged], config, setting, 7, tallies)), "its owner wrote about injections"


def test_none_refuses_documents_that_are_no_records(collected: Path, tmp_path: Path) -> None:
    with pytest.raises(InputError, match="synthesis=template"):
        synthesise(NoSynthesis(), collected, tmp_path, 7)


def test_short_answers_are_possible(collected: Path, tmp_path: Path) -> None:
    synthesise(TemplateSynthesis(max_answer_characters=120, tasks=["explain", "mitigate"]), collected, tmp_path, 7)
    found = read_examples(tmp_path / "examples.jsonl")
    assert len(found) > 500
    assert max(len(squeeze(answer(example))) for example in found) <= 121


@pytest.fixture
def mixed(collected: Path, tmp_path: Path) -> Path:
    """Write a file of documents of catalogues, with conversations among them."""
    lines = collected.read_text("utf-8").splitlines()
    made = json.loads(lines[0])
    chat = [{"role": "user", "content": "a"}, {"role": "assistant", "content": "b"}]
    for number in range(10):
        record = {**made, "id": f"chat:{number}", "kind": "record", "fields": {"messages": chat}, "source": "chat"}
        lines.insert(number * 90, json.dumps(record))
    path = tmp_path / "mixed.jsonl"
    path.write_text("\n".join(lines) + "\n", "utf-8")
    return path


@pytest.mark.parametrize("config", [TemplateSynthesis(), NoSynthesis()])
def test_shards_change_nothing(mixed: Path, tmp_path: Path, config: TemplateSynthesis | NoSynthesis) -> None:
    whole = synthesise(
        config, mixed, tmp_path / "whole", 7, SynthesisContext(LlmConfig(name=""), tmp_path, shard_size=10**6)
    )
    parts = synthesise(
        config, mixed, tmp_path / "parts", 7, SynthesisContext(LlmConfig(name=""), tmp_path, shard_size=100)
    )
    assert plain(parts) == plain(whole)
    assert whole["per_task"]["chat"] == 10
    assert sha256_file(tmp_path / "parts" / "examples.jsonl") == sha256_file(tmp_path / "whole" / "examples.jsonl")
    assert [path.name for path in (tmp_path / "parts").iterdir()] == ["examples.jsonl"]


def test_a_store_serves_as_well_as_documents_in_memory(mixed: Path, tmp_path: Path) -> None:
    store, documents = DocumentStore.build(mixed, tmp_path / "index"), synthesis.read_documents(mixed)
    config = TemplateSynthesis()
    assert store == documents
    assert [one.id for one in writing.of_kinds(store, ["record"])] == [f"chat:{number}" for number in range(10)]
    by_store, in_memory = (writing.writing_setting(one, config) for one in (store, documents))
    assert by_store.neighbours == in_memory.neighbours
    from_store = writing.write_examples(store.values(), config, by_store, 7, {})
    assert list(from_store) == list(writing.write_examples(documents.values(), config, in_memory, 7, {}))


def peak_of(count: int, directory: Path) -> int:
    """Return the largest number of bytes that were held while so many records were passed on."""
    chat = [{"role": "user", "content": "What is it? " * 9}, {"role": "assistant", "content": "A thing. " * 9}]
    path = directory / f"{count}.jsonl"
    with path.open("w") as stream:
        for number in range(count):
            one = Document(f"r:{number}", "record", "t", "text", {"messages": chat}, "jsonl", "1", "mit", "")
            stream.write(json.dumps(asdict(one)) + "\n")
    tracemalloc.start()
    try:
        context = SynthesisContext(LlmConfig(name=""), directory, shard_size=100)
        assert synthesise(NoSynthesis(), path, directory / f"out {count}", 7, context)["examples"] == count
        return tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()


def test_memory_does_not_grow_with_the_number_of_records(tmp_path: Path) -> None:
    peak_of(10, tmp_path)  # what is loaded and kept once
    few, many = peak_of(1000, tmp_path), peak_of(4000, tmp_path)
    # The index takes less than a hundred bytes of a record while it is made; a record that is held takes thousands.
    assert many - few < 3000 * 250
