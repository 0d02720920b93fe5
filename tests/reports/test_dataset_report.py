"""The report of a dataset: it tells every number, escapes what is hostile, and needs nothing but itself."""

from __future__ import annotations

import re
import xml.etree.ElementTree as ET
from collections.abc import Mapping
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest

from secft.config.schemas.curation import CurationConfig
from secft.config.schemas.dedup import DedupConfig
from secft.dataset.curate import curate
from secft.dataset.curation.screening import Screening
from secft.dataset.freeze import DatasetDescription, freeze
from secft.dataset.tokens import AboutTokens
from secft.executor import InProcess, Workplace
from secft.files import tree_digests, write_jsonl
from secft.records import Example, Provenance
from secft.reports.dataset_facts import DatasetFacts, drawn, drawn_of_each, in_turns, read_dataset_facts
from secft.reports.dataset_report import dataset_report
from secft.reports.histogram import histogram

EVIL = "<script>alert(1)</script><img src=x onerror=alert(2)>\"'{{ 7 * 7 }}"
NUMBERS = ("one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten", "eleven", "twelve")
SUMMARY = {
    "documents": {"explain": {"seen": 12, "kept": 5, "dropped": {f"no text {EVIL}": 7}}},
    "teacher": {
        "asked": {"question_answer": 4},
        "accepted": {"question_answer": 1},
        "rejected": {f"form: {EVIL}": 2, "no reply: time": 1},
    },
    "spent": {"asked": 3, "cached": 1, "failed": {"time": 1}, "prompt_tokens": 4321, "completion_tokens": 765,
              "cost": 1.5, "seconds": 62.0},
}  # fmt: skip


def example(name: str, question: str, said: str, teacher: str = "", **more: Any) -> Example:
    provenance = Provenance(
        name, ("text",), "test", "1", "cc0-1.0", "", teacher, "question_answer/1" if teacher else ""
    )
    messages = ({"role": "user", "content": question}, {"role": "assistant", "content": said})
    task = "question_answer" if teacher else more.pop("task", "explain")
    return Example(f"t:{name}:{task}", task, name, name, messages, provenance, **more)  # type: ignore[arg-type]


def build(root: Path, examples: list[Example], summary: Mapping[str, Any], hostile: bool) -> DatasetFacts:
    """Freeze examples and read what a report tells of them."""
    told = EVIL if hostile else "plain"

    rules = CurationConfig(name="x", max_examples_per_task={"multiple_choice": 4})
    sets = {"our_set": [f"What is entry {NUMBERS[1]} of the long list of all the known entries?"]}
    dedup = DedupConfig(name="exact")
    write_jsonl(root / "examples.jsonl", (row.record() for row in examples))
    screening = Screening(root / "examples.jsonl", rules, AboutTokens(), 300, 7, None)
    curated = curate(screening, dedup, Workplace(InProcess(), root / "shards", 100), sets)
    splits = {split: curated.table.records(rows) for split, rows in curated.splits.items()}
    sources = {
        "test": {
            "version": "1",
            "documents": 12,
            "license": told,
            "url": "",
            "dropped": {f"reason {told}": 3},
            "tagged": {"odd": 2},
            "scrubbed": {"BR_CPF": 5},
        }
    }
    teacher = summary.get("teacher", {})
    sent = {f"host {told}": {"requests": 31, "passages": 30, "characters": 4711}}
    describe = DatasetDescription(f"set {told}", "template", sources, teacher=teacher, sent=sent)
    manifest = freeze(
        root / "d", splits, curated.funnel, curated.tokens, {}, describe, curated.lengths, curated.duplicates
    )
    refused = [{"source": "test", "record": f"line {number}", "reason": told, "detail": told} for number in range(3)]
    write_jsonl(root / "refused.jsonl", refused)
    write_jsonl(root / "documents.jsonl", [{"id": "asked", "text": f"A passage {told}", "fields": {}}])
    rejected = {"document": "x", "task": "question_answer", "prompt": "p/1", "reason": told, "score": None,
                "question": told, "answer": told, "passage": told, "teacher": told}  # fmt: skip
    write_jsonl(root / "rejected.jsonl", [{**rejected, "document": f"x{number}"} for number in range(20)])
    return read_dataset_facts(manifest, root / "d", root, root, summary, 7)


def examples_of(told: str) -> list[Example]:
    rows = [example(n, f"What is entry {n}? {told}", f"Entry {n} is the {n}th of its kind. {told}") for n in NUMBERS]
    rows.append(example("copy", f"What is entry one? {told}", f"Entry one is the oneth of its kind. {told}"))
    for number, name in enumerate(NUMBERS):
        choice = ("A. yes", "B. no")[number % 2]
        rows.append(
            example(
                name, f"Is {name} odd?", choice, task="multiple_choice", choices=("A. yes", "B. no"), answer=number % 2
            )
        )
    rows.append(example("leak", "Tell me. What is entry two of the long list of all the known entries?", "It is two."))
    rows.append(
        example("mail", "Whom do I ask?", "Write to maria.lopez@consulting-partners.es about entry two and its kind.")
    )
    return [*rows, example("asked", f"Who is asked? {told}", f"Everybody is asked. {told}", "a-model")]


@pytest.fixture(scope="module")
def facts(tmp_path_factory: pytest.TempPathFactory) -> DatasetFacts:
    return build(tmp_path_factory.mktemp("plain"), examples_of(""), SUMMARY, hostile=False)


class Tags(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.names: set[str] = set()
        self.attributes: set[str] = set()
        self.open: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.names.add(tag)
        self.attributes |= {name for name, _ in attrs}
        if tag not in ("meta", "br"):
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.names.add(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag


def test_the_page_tells_what_happened(facts: DatasetFacts) -> None:
    text = dataset_report(facts)
    words = re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", text))
    assert "reason plain: 3" in words
    assert "1 of 4 pairs of a-model passed every check; 3 were rejected" in words
    assert "question_answer 4 1 25 %" in words
    assert "tokens of questions 4,321" in words
    assert "1.50 US dollars" in words
    assert "A passage plain" in words
    assert "exact duplicates 1 1 of 2" in words
    assert "dropped: t:copy:explain" in words or "dropped: t:one:explain" in words
    assert re.search(r"explain 12 5 no text .*?: 7 ", words)
    assert "tagged odd: 2" in words
    assert "replaced by &lt;BR_CPF&gt;: 5" in words
    assert "host plain 31 30 4,711" in words
    assert "our_set 1" in words
    assert re.search(r"multiple_choice \d+ before, 4 after; 2 classes, 1.0 : 1", words)
    assert re.search(r"explain \d+ before, \d+ after; 1 source ", words)
    assert "shared words: 1" in words
    assert "&lt;EMAIL&gt;" in words
    assert words.count("x1") + words.count("x2") >= 1
    assert text.count('class="reason"') == 10
    for task, numbers in facts.manifest["counts"].items():
        assert task in words
        assert f"{facts.matrix['test', task]:,}" == f"{sum(numbers.values()):,}"
    charts = re.findall(r"<svg.*?</svg>", text, re.S)
    assert len(charts) >= 2 + len(facts.manifest["counts"])
    for chart in charts:
        assert ET.fromstring(chart).find("desc") is not None
    names = re.findall(r' id="([^"]+)"', text)
    assert len(names) == len(set(names))


def test_nothing_is_loaded_and_hostile_text_is_text(tmp_path: Path) -> None:
    text = dataset_report(build(tmp_path, examples_of(EVIL), SUMMARY, hostile=True))
    tags = Tags()
    tags.feed(text)
    assert not tags.open
    assert not tags.names & {"script", "img", "iframe", "link", "object", "embed", "a", "base", "form"}
    assert not {name for name in tags.attributes if name.startswith("on")} | (tags.attributes & {"src", "href"})
    assert "default-src 'none'" in text
    assert not re.search(r"url\(|@import|https?://", text)
    assert text.count("&lt;script&gt;") >= 20
    assert "{{ 7 * 7 }}" in text
    assert "prefers-color-scheme: dark" in text


def test_without_a_model_there_is_no_table_of_one(tmp_path: Path) -> None:
    facts = build(tmp_path, [row for row in examples_of("") if not row.provenance.teacher], {}, hostile=False)
    assert "Asked of a model" not in dataset_report(facts)


def test_what_asking_cost_is_not_part_of_the_dataset(tmp_path: Path) -> None:
    other = {**SUMMARY, "spent": {**SUMMARY["spent"], "seconds": 99.0, "cost": 7.0}}
    first = build(tmp_path / "a", examples_of(""), SUMMARY, hostile=False)
    second = build(tmp_path / "b", examples_of(""), other, hostile=False)
    assert tree_digests(tmp_path / "a" / "d", ()) == tree_digests(tmp_path / "b" / "d", ())
    assert dataset_report(first) != dataset_report(second)


def test_a_manifest_of_an_older_version_has_a_report(facts: DatasetFacts) -> None:
    manifest = {key: value for key, value in facts.manifest.items() if key not in ("lengths", "teacher")}
    steps = [{key: step[key] for key in ("step", "seen", "kept", "dropped")} for step in manifest["funnel"]]
    old = DatasetFacts({**manifest, "funnel": steps}, facts.matrix, facts.samples)
    assert "Lengths" not in dataset_report(old)


def test_refusals_are_told_in_words(facts: DatasetFacts) -> None:
    dropped = {"record.status Draft": 4, "pdf.too_many_pages": 2, "link out of the folder": 1}
    source = {**facts.manifest["sources"]["test"], "dropped": dropped}
    refused = [{"record": "a.pdf", "reason": "pdf.too_many_pages", "detail": "9 pages, 3 allowed"}]
    written = {"explain": {"seen": 3, "kept": 1, "dropped": {"template.no_statement": 1, "no check that fits": 1}}}
    manifest = {**facts.manifest, "sources": {"test": source}}
    page = dataset_report(
        DatasetFacts(manifest, facts.matrix, facts.samples, refused={"test": refused}, written=written)
    )
    for words in ("status Draft: 4", "too many pages: 2", "a link that leads out of its folder: 1"):
        assert words in page
    assert "a.pdf: too many pages, 9 pages, 3 allowed" in page
    assert "no statement that fits: 1" in page
    assert "no check that fits: 1" in page
    assert "record.status" not in page


def test_samples_take_turns_so_that_small_tasks_are_shown() -> None:
    groups = {"large": [{"id": str(number)} for number in range(60)], "small": [{"id": "a"}, {"id": "b"}], "none": []}
    shown = in_turns(groups, 50)
    assert {name: len(rows) for name, rows in shown.items()} == {"large": 48, "small": 2}
    assert shown["large"] == groups["large"][:48]


def test_samples_depend_on_the_seed_not_on_the_order() -> None:
    rows = [{"id": f"t:{number}", "task": "ab"[number % 2]} for number in range(500)]
    assert drawn(rows, 5, 1) == drawn(rows[::-1], 5, 1)
    assert drawn(rows, 5, 1) != drawn(rows, 5, 2)
    found = drawn_of_each(rows, "task", 3, 1)
    assert found == drawn_of_each(rows[::-1], "task", 3, 1)
    assert [len(group) for group in found.values()] == [3, 3]


def test_histograms_stack_parts_and_tell_their_numbers() -> None:
    chart = histogram((0, 10, 20, 30), {"train": [0, 4, 2, 0], "test": [0, 1, 0, 0]}, "h", "Lengths")
    root = ET.fromstring(chart)
    bars = [(bar.get("class"), float(str(bar.get("height")))) for bar in root.iter("rect")]
    assert [css for css, _ in bars] == ["train", "test", "train"]
    assert bars[0][1] == pytest.approx(4 * bars[1][1], abs=0.2)
    assert root.findtext("desc") == "from 10 tokens: 5; from 20 tokens: 2"
    assert "nothing to count" in histogram((0, 10), {"train": [0, 0]}, "h", "Lengths")
