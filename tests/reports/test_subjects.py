"""What a run is about is told by its sources and tasks."""

from __future__ import annotations

from dataclasses import replace

from secft.documents.dataset_manifest import SourceFacts
from secft.reports.card import model_card
from secft.reports.facts import RunFacts
from secft.reports.subjects import by_templates, languages_text, subjects, uses


def about(facts: RunFacts, sources: list[str], tasks: list[str], **more: object) -> RunFacts:
    counts = {task: {"train": 3, "validation": 1, "test": 2} for task in tasks}
    named = {name: SourceFacts(9) for name in sources}
    return replace(facts, dataset=replace(facts.dataset, sources=named, counts=counts, **more))


def test_a_card_of_own_conversations_speaks_of_no_weakness_and_no_template(facts: RunFacts) -> None:
    own = about(facts, ["jsonl"], ["chat", "assist", "refuse"], language=["es", "en"], languages={"es": 0.9, "en": 0.1})
    page = model_card(own)
    assert subjects(own.dataset) == "records of its owner"
    assert not by_templates(own.dataset.counts)
    for words in ("weaknesses and", "no weakness", "techniques", "same templates", "ATT&CK tactic"):
        assert words not in page, words
    assert "- es\n- en\n" in page.split("---")[1]
    assert "Languages of the examples: es 90 %, en 10 %." in page
    assert "languages other than es, en" in page


def test_findings_and_guides_are_named(facts: RunFacts) -> None:
    both = about(facts, ["tool_logs", "pdf"], ["triage", "guidance", "severity"])
    assert subjects(both.dataset) == "sections of documents and findings of scanners"
    assert uses(both.dataset).startswith("judging severities, telling what findings mean")
    assert by_templates(both.dataset.counts)
    assert "sections of documents and findings of scanners that it never saw" in model_card(both)


def test_what_is_not_known_is_not_told(facts: RunFacts) -> None:
    unknown = about(facts, ["tool_logs"], ["triage"], language=[], languages={})
    page = model_card(unknown)
    assert languages_text(unknown.dataset) == ""
    assert "language:" not in page.split("---")[1]
    assert "languages other than" not in page
