"""MODEL_CARD.md: Hugging Face metadata, and a body that a reviewer can decide by."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import yaml

from secft.reports.facts import RunFacts
from secft.reports.figures import leaves, result_rows, result_table
from secft.reports.rendering import render
from secft.reports.subjects import by_templates, languages_text, subjects, uses

_HUB_LICENSES = {
    "apache-2.0", "mit", "bsd-3-clause", "cc-by-4.0", "cc-by-sa-4.0", "cc0-1.0", "gpl-3.0", "llama2", "llama3",
    "llama3.1", "llama3.2", "llama3.3", "gemma", "openrail",
}  # fmt: skip
"""Identifiers that the Hub knows; any other licence is ``other`` with a name."""

_SAME_TEMPLATES = (
    "The held-out items are written by the same templates as the training examples. The numbers show what was "
    "learned about unseen {subjects}, not how well the model answers questions asked in another way."
)
_SAME_RECORDS = (
    "The held-out items come from the same records as the training examples. The numbers show what was learned "
    "about records like these, not how well the model answers questions of other people."
)
_LIMITS = (
    "Refusals are recognised by a rule on the first sentences, in English. The refusal and over-refusal sets have a "
    "few dozen items each: they reveal large changes of behaviour, not rare failures.",
    "A language model states falsehoods fluently. Identifiers, mitigations and severities must be checked against "
    "their source before anybody acts on them.",
    "Fine-tuning can weaken safeguards that the base model has. Prompt injection and multi-turn attacks are not "
    "measured here.",
)


def model_card(facts: RunFacts) -> str:
    """Write the model card, also of a candidate that failed its gates.

    Raises:
        jinja2.UndefinedError: the facts lack something that the card must tell.
    """
    body = render(
        "card.md.jinja",
        {
            "facts": facts,
            "table": result_table(result_rows(facts.results)),
            "hyper_parameters": leaves(facts.trainer),
            "confidence": f"{100 * facts.results.confidence:g}\u00a0%",
            "limits": (_first_limit(facts), *_LIMITS),
            "subjects": subjects(facts.dataset),
            "uses": uses(facts.dataset),
            "languages": languages_text(facts.dataset),
            **_example(facts),
            "skipped": facts.results.skipped,
            "git": git_line(facts.environment.get("git", {})),
        },
    )
    return f"---\n{metadata(facts)}---\n\n{body}"


def _first_limit(facts: RunFacts) -> str:
    known = by_templates(facts.dataset.counts)
    return _SAME_TEMPLATES.format(subjects=subjects(facts.dataset)) if known else _SAME_RECORDS


def _example(facts: RunFacts) -> dict[str, Any]:
    """Return a question of the kind that the model learned, and a better and a worse answer."""
    if "tactic" in facts.dataset.counts:
        question, answers = "Which ATT&CK tactic does credential dumping serve?", ("Credential Access", "Impact")
    else:
        question, answers = "Should a service account have the rights of an administrator?", ("No", "Yes, always")
    return {"question": question, "answers": answers}


def metadata(facts: RunFacts) -> str:
    """Return the card's YAML header as the Hugging Face Hub reads it."""
    license_id = str(facts.model.get("license", "unknown")).lower()
    known = license_id in _HUB_LICENSES
    values: dict[str, Any] = {
        "base_model": facts.base_name,
        "base_model_relation": "adapter" if facts.train.is_adapter else "finetune",
        "library_name": "peft" if facts.train.is_adapter else "transformers",
        "pipeline_tag": _pipeline(facts),
        **({"language": list(facts.dataset.language)} if facts.dataset.language else {}),
        "license": license_id if known else "other",
        **({} if known else {"license_name": license_id}),
        "datasets": [facts.dataset_id],
        "metrics": sorted({row.metric for row in result_rows(facts.results)} & {"accuracy", "perplexity"}),
        "tags": ["secft", "security", "cybersecurity", *(["lora"] if facts.train.is_adapter else []), facts.verdict],
        "model-index": _model_index(facts),
    }
    text: str = yaml.safe_dump(values, sort_keys=False, allow_unicode=True, width=1000)
    return text


def _pipeline(facts: RunFacts) -> str:
    return "text-classification" if facts.train.scores_answers else "text-generation"


def _model_index(facts: RunFacts) -> list[dict[str, Any]]:
    """Return the candidate's results as the Hub's leaderboard format has them."""
    results = []
    for row in result_rows(facts.results):
        numbers = row.numbers["candidate"]
        if numbers is None:
            continue
        results.append(
            {
                "task": {"type": _pipeline(facts), "name": row.title},
                "dataset": {"type": facts.dataset_id, "name": f"{facts.dataset_id}, {row.task}", "split": "test"},
                "metrics": [{"type": row.metric, "value": round(numbers[0], 4), "name": row.metric_title}],
            }
        )
    return [{"name": facts.run_id, "results": results}]


def git_line(git: Mapping[str, Any]) -> str:
    """Say which code made a run."""
    if not git.get("commit"):
        return "outside of a git checkout"
    return f"{git['commit']}{' with uncommitted changes' if git.get('dirty') else ''}"
