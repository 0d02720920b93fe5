"""What people read about a run, gathered from its artifacts, and the registration of what passed."""

from __future__ import annotations

import datetime
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from secft.base import find_base_model, find_start
from secft.config.roots import EvidenceConfig, RunConfig
from secft.config.schemas.model import ModelConfig
from secft.documents.dataset_manifest import read_corpus_manifest, read_dataset_manifest
from secft.documents.decision import GATES, read_decision
from secft.documents.results import RESULTS, read_results
from secft.documents.run_record import RunRecord
from secft.files import plain, read_jsonl, tree_digests
from secft.models.adapters import StartAdapter
from secft.registry.entries import register
from secft.reports.card import model_card
from secft.reports.evidence import evidence, evidence_name
from secft.reports.facts import RunFacts
from secft.reports.pretrain_card import PretrainFacts, pretrain_card
from secft.reports.report import report
from secft.stage import Inputs
from secft.stages.dataset import DATASET
from secft.stages.training import training_record

CARD, REPORT = "MODEL_CARD.md", "report.html"


@dataclass(frozen=True)
class ReportSettings:
    """What reports tell of a configuration.

    Attributes:
        values: all of it, as plain values.
        model: the base model.
        evidence: header of the evidence document.
        start: the adapter that the training went on with, or None.
    """

    values: Mapping[str, Any]
    model: ModelConfig
    evidence: EvidenceConfig
    start: StartAdapter | None = None

    @classmethod
    def of(cls, config: RunConfig) -> ReportSettings:
        """Take them from the configuration of a run."""
        return cls(plain(config), config.model, config.evidence, find_start(config.model, config.paths))


def candidate_reports(settings: ReportSettings, inputs: Inputs, record: RunRecord) -> dict[str, str]:
    """Return model card, evidence document and report of a run, whatever its gates say."""
    train, evaluate = inputs["train"], inputs["evaluate"]
    facts = RunFacts(
        run_id=record.run,
        command=record.command,
        created=datetime.datetime.now(datetime.UTC),
        config=settings.values,
        model=find_base_model(settings.model).as_dict(),
        start=settings.start.lineage() if settings.start else None,
        dataset=read_dataset_manifest(inputs["dataset"].path / DATASET),
        dataset_path=record.dataset or "",
        train=training_record(inputs),
        metrics=list(read_jsonl(train.path / "metrics.jsonl")),
        results=read_results(evaluate.path / RESULTS),
        gates=read_decision(inputs["gates"].path / GATES),
        samples=list(read_jsonl(evaluate.path / "samples.jsonl")),
        adapter=tree_digests(train.path / training_record(inputs).adapter_dir),
        environment=record.environment,
        stages=record.stages,
    )
    header = settings.evidence
    return {
        CARD: model_card(facts),
        evidence_name(header.iteration, facts.created): evidence(
            facts, "en" if header.language == "en" else "es", header.agent, header.iteration
        ),
        REPORT: report(facts),
    }


def pretrained_reports(
    settings: ReportSettings, inputs: Inputs, record: RunRecord, unread: Collection[str] = ()
) -> dict[str, str]:
    """Return the card of a pretrained model, whatever the gate says; it leaves out settings that are not read."""
    corpus, train = inputs["corpus"], inputs["train"]
    facts = PretrainFacts(
        run_id=record.run,
        command=record.command,
        seed=settings.values["seed"],
        created=datetime.datetime.now(datetime.UTC),
        trainer={k: value for k, value in settings.values["trainer"].items() if f"trainer.{k}" not in unread},
        data=read_corpus_manifest(corpus.path / corpus.summary["place"]),
        data_path=record.dataset or "",
        train=training_record(inputs),
        results=read_results(inputs["evaluate"].path / RESULTS),
        gates=read_decision(inputs["gates"].path / GATES),
        model=tree_digests(train.path / training_record(inputs).adapter_dir),
        environment=record.environment,
    )
    return {CARD: pretrain_card(facts)}


def candidate_origin(settings: ReportSettings, inputs: Inputs) -> dict[str, Any]:
    """Return what the registry keeps about a candidate: its base and its dataset, by digest."""
    base = find_base_model(settings.model)
    return {
        "base_model": base.hub_id or base.name,
        "base_digest": base.digest,
        "config_digest": base.config_digest,
        "tokenizer_digest": base.tokenizer_digest,
        "chat_template_digest": base.chat_template_digest,
        "dataset_digest": read_dataset_manifest(inputs["dataset"].path / DATASET).digest,
        **({"started_with": settings.start.lineage()} if settings.start else {}),
    }


def pretrained_origin(settings: ReportSettings, inputs: Inputs) -> dict[str, Any]:
    """Return what the registry keeps about a pretrained model: it has no base."""
    corpus = inputs["corpus"]
    return {"base_model": "", "dataset_digest": read_corpus_manifest(corpus.path / corpus.summary["place"]).digest}


def register_model(inputs: Inputs, card: str, models: Path, backend: str, name: str, origin: Mapping[str, Any]) -> Path:
    """Put the model of a run that passed beside the others; the same one again changes nothing.

    Args:
        inputs: finished artifacts of the run.
        card: text of MODEL_CARD.md.
        models: root of the registry.
        backend: what trained; as its makers write it, the first level below the root.
        name: of the run, the second level.
        origin: where the model comes from.
    """
    train, adapter = inputs["train"], training_record(inputs).adapter_dir
    files = {Path(name): value for name, value in train.manifest["files"].items()}
    return register(
        train.path / adapter,
        card,
        read_decision(inputs["gates"].path / GATES),
        models,
        backend.replace("_", "-"),
        name,
        {"run": name, **origin},
        {path.relative_to(adapter).as_posix(): value for path, value in files.items() if path.is_relative_to(adapter)},
    )
