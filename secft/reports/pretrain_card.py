"""The card of a model that was trained from random weights on texts or logs."""

from __future__ import annotations

import datetime
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import yaml

from secft.documents.dataset_manifest import CorpusManifest
from secft.documents.decision import Decision
from secft.documents.results import EvaluationResults
from secft.documents.train_result import TrainingRecord
from secft.reports.card import git_line
from secft.reports.figures import leaves
from secft.reports.rendering import render


@dataclass(frozen=True)
class PretrainFacts:
    """One pretraining, as its artifacts tell it.

    Attributes:
        run_id: name of the run.
        command: the command line that a person would repeat.
        seed: of the run.
        created: when the card was written.
        trainer: the settings that pretraining reads, plain values.
        data: the corpus.
        data_path: where a reader finds it.
        train: what came out of the training.
        results: of the evaluation; its only task is held-out text.
        gates: what was decided.
        model: file name -> SHA-256 of what would be registered.
        environment: secft.environment.environment().
    """

    run_id: str
    command: str
    seed: int
    created: datetime.datetime
    trainer: Mapping[str, Any]
    data: CorpusManifest
    data_path: str
    train: TrainingRecord
    results: EvaluationResults
    gates: Decision
    model: Mapping[str, str]
    environment: Mapping[str, Any]


def pretrain_card(facts: PretrainFacts) -> str:
    """Write the card, also of a model that failed its gate."""
    header = {
        "library_name": "transformers",
        "pipeline_tag": "text-generation",
        "license": "other",
        "license_name": "as the texts it was trained on",
        "tags": ["secft", "nanogpt", "security-logs", "from-scratch"],
    }
    values = {
        "facts": facts,
        "task": next(iter(facts.results.tasks.values())),
        "settings": leaves(facts.trainer),
        "git": git_line(facts.environment.get("git", {})),
        "obfuscated": facts.data.obfuscated,
    }
    return f"---\n{yaml.safe_dump(header, sort_keys=False)}---\n\n{render('pretrain_card.md.jinja', values)}"
