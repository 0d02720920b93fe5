from __future__ import annotations

import datetime
import html.parser
import re
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
import yaml

from secft.documents.dataset_manifest import FunnelStep
from secft.reasons import WORDS, Language, Reason
from secft.reports.card import metadata, model_card
from secft.reports.evidence import evidence, evidence_name
from secft.reports.facts import RunFacts
from secft.reports.figures import clock, decimal, result_rows
from secft.reports.rendering import code, markdown
from secft.reports.report import report
from secft.train.objectives import OBJECTIVES
from tests.reports.conftest import make_facts, results, titled

Golden = Callable[[str, str], None]
HOSTILE = "<script>alert(1)</script> | `x` [a](http://evil) \"'><img src=x onerror=alert(1)>\n# title"


def test_card_is_as_it_was(facts: RunFacts, golden: Golden) -> None:
    golden("MODEL_CARD.md", model_card(facts))


def test_tables_name_gates_and_kinds_by_their_titles(facts: RunFacts) -> None:
    gates = model_card(facts).split("## Gates")[1].split("##")[0]
    assert "| target: ATT&CK technique to tactic | improves |" in gates
    assert not [gate.task for gate in facts.gates.gates if gate.task.replace("_", r"\_") in gates and "_" in gate.task]
    spanish = evidence(facts, "es")
    assert "por encima del tope de explicación" in spanish
    assert "explicación 200, táctica 924" in spanish


def test_card_of_a_failed_candidate_is_as_it_was(failed_facts: RunFacts, golden: Golden) -> None:
    text = model_card(failed_facts)
    assert "NOT registered" in text
    golden("MODEL_CARD.failed.md", text)


def test_papers_name_the_adapter_that_a_training_went_on_with(facts: RunFacts) -> None:
    begun = replace(facts, start={"run": "first", "name": "first", "digest": "ab" * 32, "rank": 8})
    assert "adapter of rank 8 (`first`" in model_card(begun)
    assert f"| adapter at the beginning | `{'ab' * 32}` |" in model_card(begun)
    assert "**Went on with:** the adapter `first` (rank 8)" in evidence(begun, "en")
    assert "**Continúa:** el adaptador `first` (rango 8)" in evidence(begun, "es")
    assert f"first, {'ab' * 32}" in report(begun)
    assert "adapter of rank" not in model_card(facts)


@pytest.mark.parametrize(("language", "other"), [("es", "en"), ("en", "es")])
def test_evidence_tells_every_reason_in_its_language(facts: RunFacts, language: Language, other: Language) -> None:
    every = [Reason(code, "draft" if "{0}" in words else "") for code, (words, _) in WORDS.items()]
    written = dict.fromkeys(map(str, every), 1)
    before = dict.fromkeys((reason.text() for reason in every if reason.code != "teacher.situation"), 1)
    for dropped in (written, before):
        steps = [FunnelStep(str(step), 9, 8, dropped) for step in every[:1]]
        page = evidence(replace(facts, dataset=replace(facts.dataset, funnel=steps)), language)
        cells = {cell for line in page.splitlines() for cell in re.split(r" \| |; |: ", line.strip("| "))}
        told = {markdown(reason.text(language)) for reason in every if ": " not in reason.text(language)}
        assert {words for words in told if ";" not in words} <= cells
        unlike = {markdown(reason.text(other)) for reason in every} - {markdown(one.text(language)) for one in every}
        assert unlike & cells == set()


@pytest.mark.parametrize("language", ["es", "en"])
def test_evidence_is_as_it_was(facts: RunFacts, golden: Golden, language: Any) -> None:
    golden(f"EVIDENCE.{language}.md", evidence(facts, language, "secft", 3))


def test_evidence_has_the_parts_of_the_template(failed_facts: RunFacts) -> None:
    text = evidence(failed_facts)
    heads = ["**Agente**", "**Iteración**", "**Fecha**", "**Estatus**", "## Reporte Técnico", "### Dataset"]
    places = [text.index(part) for part in [*heads, "## Cambios Implementados", "## Revisión del Supervisor"]]
    assert places == sorted(places)
    assert text.split("## Revisión del Supervisor")[1].strip() == ""
    assert "Rechazado por las compuertas" in text
    assert "- [ ] Compuertas: no superadas" in text


def test_reports_of_rewarded_answers_tell_rewards() -> None:
    rewards, loss = (0.43, 0.77), OBJECTIVES["ppo"].loss
    train = replace(make_facts().train, rewards=rewards, best_validation_loss=-0.7625, learned_from=loss)
    rows = [{"step": 1, "loss": 0.01, "reward": 0.4}, {"step": 2, "loss": 0.01, "reward": 0.8}]
    told = make_facts(train=train, metrics=rows, config={"seed": 7, "trainer": {"name": "ppo"}})
    card = model_card(told)
    assert "0.4300 in the first quarter of the steps, 0.7700 in the last, at best 0.7625 on held-out questions." in card
    assert "Loss on the model's own answers" in card
    assert "Training loss" not in card + evidence(told, "en")
    assert "último cuarto 0.7700, mejor valor en preguntas reservadas 0.7625" in evidence(told, "es")
    assert "Reward during training" in report(told)


def test_reports_of_a_model_that_scores_answers_compare_it_with_chance() -> None:
    scores = {"items": 80, "clusters": 80, "metrics": {"accuracy": share_of(0.5, 0.7)}}
    told = make_facts(
        train=replace(make_facts().train, scores_answers=True),
        results={"format": 1, "confidence": 0.95, "tasks": {"preference": scores}},
    )
    page, english, spanish = report(told), evidence(told, "en"), evidence(told, "es")
    for text in (page, english, spanish):
        assert not [said for said in ("by the base", "on the same held-out", "mismos elementos") if said in text]
    assert "what stands beside it is chance" in page
    assert "Perplexity" not in page
    assert "Nothing was measured on this scale" not in page
    assert 'what stands under "base" is chance' in english
    assert "en la columna «base» está el azar" in spanish
    assert "against the base" not in english
    assert "contra el modelo base" not in spanish
    assert "target task" not in page + model_card(told)


def share_of(base: float, candidate: float) -> dict[str, Any]:
    """A share of the base (here: chance) and of the candidate."""
    spread = {"low": -0.1, "high": 0.1}
    values = {"base": base, "candidate": candidate, "difference": candidate - base}
    return {side: {"value": value, **{end: value + by for end, by in spread.items()}} for side, value in values.items()}


def test_evidence_is_named_by_iteration_and_time() -> None:
    name = evidence_name(2, datetime.datetime(2026, 1, 31, 9, 5, tzinfo=datetime.UTC))
    assert name == "EVIDENCE_Finetuning_2_20260131-0905.md"


def test_hub_reads_the_card(facts: RunFacts, failed_facts: RunFacts) -> None:
    hub = pytest.importorskip("huggingface_hub")
    for one in (facts, failed_facts):
        card = hub.ModelCard(model_card(one))
        assert card.data.base_model == "HuggingFaceTB/SmolLM2-135M-Instruct"
        assert card.data.library_name == "peft"
        assert card.data.license == "apache-2.0"
        measured = {(result.metric_type, result.dataset_name): result.metric_value for result in card.data.eval_results}
        assert measured["accuracy", "template/attack-cwe-v1, technique_to_tactic"] == 0.71
        again = hub.ModelCard(str(card))
        assert again.data.to_dict() == card.data.to_dict()


def test_card_tells_what_a_training_warns_of() -> None:
    warning = "a pass takes 100,000 of 297,708 tokens"
    card = model_card(make_facts(train=replace(make_facts().train, warnings=[warning])))
    assert "\nA pass takes 100,000 of 297,708 tokens.\n" in card


def test_metadata_of_a_full_fine_tune_and_an_unknown_licence() -> None:
    facts = make_facts()
    facts = make_facts(
        train=replace(facts.train, adapter="none"), model={**facts.model, "license": "Custom-1", "hub_id": ""}
    )
    values = yaml.safe_load(metadata(facts))
    assert values["base_model_relation"] == "finetune"
    assert values["library_name"] == "transformers"
    assert (values["license"], values["license_name"]) == ("other", "custom-1")
    assert values["base_model"] == "smollm2"
    assert "PeftModel" not in model_card(facts)


def hostile_facts() -> RunFacts:
    base = make_facts()
    source = replace(base.dataset.sources["attack"], license=HOSTILE, version=HOSTILE)
    step = FunnelStep(HOSTILE, 3, 1, {HOSTILE: 2})
    sample = {**base.samples[0], "question": HOSTILE, "base": HOSTILE, "candidate": HOSTILE, "id": HOSTILE}
    return make_facts(
        run_id=HOSTILE,
        command=f"python -m secft name={HOSTILE}",
        dataset=replace(base.dataset, sources={HOSTILE: source}, licenses=[HOSTILE], funnel=[step]),
        samples=[sample],
        model={**base.model, "hub_id": HOSTILE},
    )


class Tags(html.parser.HTMLParser):
    """Collects tags and the attributes that could load or run something."""

    def __init__(self) -> None:
        super().__init__()
        self.names: set[str] = set()
        self.attributes: set[str] = set()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.names.add(tag)
        self.attributes |= {name for name, _ in attrs}


@pytest.mark.parametrize("facts_of", [make_facts, hostile_facts])
def test_report_runs_and_loads_nothing(facts_of: Callable[[], RunFacts]) -> None:
    text = report(facts_of())
    tags = Tags()
    tags.feed(text)
    assert not tags.names & {"script", "img", "iframe", "link", "object", "embed", "base", "form"}
    assert not {name for name in tags.attributes if name.startswith("on")} | (tags.attributes & {"src"})
    assert set(re.findall(r'href="([^"]*)"', text)) == {"dataset_report.html"}, "no link leads out of the directory"
    assert "default-src 'none'" in text
    assert not re.search(r"url\(|@import|https?://(?!attack\.mitre)", text.replace("http://evil", ""))


def test_report_escapes_what_models_and_sources_say() -> None:
    text = report(hostile_facts())
    assert "<script>" not in text
    assert "<img" not in text
    assert text.count("&lt;script&gt;") >= 8


def test_report_shows_every_number_and_name(facts: RunFacts) -> None:
    text = report(facts)
    for row in result_rows(facts.results):
        assert row.base in text
        assert row.candidate in text
    for word in ("Passed", "A technique.", "203", "aria-labelledby", "prefers-color-scheme: dark", "AMD EPYC"):
        assert word in text


def test_report_of_a_failed_run_without_metrics_or_samples(failed_facts: RunFacts) -> None:
    text = report(failed_facts)
    assert "Nothing was registered" in text
    assert "not measured on this scale" in text or "Nothing was measured on this scale" in text
    assert "Too few finite values" in text


def test_card_keeps_its_tables_and_html_out_of_hostile_text() -> None:
    card = model_card(hostile_facts())
    assert yaml.safe_load(card.split("---\n")[1])["base_model"] == HOSTILE
    body = card.split("---\n", 2)[2]
    assert "<script>" not in re.sub(r"`+[^`]*`+", "", body.split("## Reproduce")[0].split("## How to load")[0])
    assert "\n# title" not in body
    licences = body.split("| source |")[1].split("\n\n")[0].splitlines()[2]
    assert len(re.findall(r"(?<!\\)\|", licences)) == 5


@pytest.mark.parametrize(
    ("text", "expected"),
    [("plain", "`plain`"), ("a`b", "`` a`b ``"), ("a|b", "`a¦b`"), ("a\nb", "`a b`"), ("``", "``` `` ```")],
)
def test_code_spans_cannot_be_left(text: str, expected: str) -> None:
    assert code(text) == expected


def test_markdown_is_escaped() -> None:
    assert markdown("a|b\n<b>*x*") == r"a\|b \<b\>\*x\*"


@pytest.mark.parametrize(
    ("seconds", "text"), [(4.21, "4.2 s"), (59.99, "60.0 s"), (483, "8 min 03 s"), (3720, "1 h 02 min")]
)
def test_clock(seconds: float, text: str) -> None:
    assert clock(seconds) == text


def test_rows_say_what_is_better() -> None:
    rows = {row.task: row for row in result_rows(titled(results()))}
    assert rows["technique_to_tactic"].improved is True
    assert rows["answer_perplexity"].improved is True
    assert rows["general_knowledge"].improved is None
    assert next(iter(rows)) == "technique_to_tactic"
    assert decimal(-0.0001, 1, signed=True) == "+0.0"
