"""Examples to a frozen dataset, and its publication as an immutable version."""

from __future__ import annotations

import shutil
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from secft.artifact import Artifact
from secft.base import find_base_model
from secft.config.roots import RunConfig
from secft.config.schemas.curation import CurationConfig
from secft.config.schemas.dedup import DedupConfig
from secft.config.schemas.executor import ExecutorConfig
from secft.config.schemas.model import ModelConfig
from secft.config.schemas.synthesis import HybridSynthesis, SynthesisConfig
from secft.dataset.curate import curate_dataset
from secft.dataset.curation.catalogue import catalogue
from secft.dataset.curation.funnel import large_drops
from secft.dataset.curation.screening import Screening, TokenCounter
from secft.dataset.freeze import DatasetDescription, publish
from secft.dataset.synthesise import asks_a_model
from secft.dataset.tokens import AboutTokens, ModelTokens
from secft.executor import Workplace
from secft.executor.open import open_executor
from secft.files import plain, write_text
from secft.log import warn
from secft.reports.dataset_facts import read_dataset_facts
from secft.reports.dataset_report import dataset_report
from secft.stage import INTERNAL, Inputs
from secft.stages.documents import DOCUMENTS
from secft.stages.examples import EXAMPLES
from secft.stages.guard import guard_digests, guard_sets

DATASET = "dataset"
"""The frozen dataset is a directory of its own inside the artifact, with a manifest of its own."""
DATASET_REPORT = "dataset_report.html"
"""Stands beside the frozen dataset, not in it: it tells what asking cost, which is not the same in every run."""


@dataclass(frozen=True)
class DatasetSettings:
    """What the frozen dataset depends on.

    Attributes:
        name: of the dataset: what the user says, or the sources, joined.
        provider: who wrote the examples: what the user says, the model that was asked, or the name of the synthesis.
        curation: what is dropped, scrubbed, held out.
        dedup: what counts as a duplicate.
        max_tokens: how long a conversation may be, in tokens of the model.
        seed: of splits and samples.
        synthesis: how the examples were written, for the manifest; they are an input.
        model: whose tokenizer counts.
        executor: on what shards run.
    """

    name: str
    provider: str
    curation: CurationConfig
    dedup: DedupConfig
    max_tokens: int
    seed: int
    synthesis: SynthesisConfig = field(metadata=INTERNAL)
    model: ModelConfig = field(metadata=INTERNAL)
    executor: ExecutorConfig = field(metadata=INTERNAL)

    @classmethod
    def of(cls, config: RunConfig) -> DatasetSettings:
        """Take them from the configuration of a run."""
        writer = config.llm.name if asks_a_model(config.synthesis) else config.synthesis.name
        return cls(
            name=config.dataset.name or "-".join(sorted(config.source)),
            provider=config.dataset.provider or writer,
            curation=config.curation,
            dedup=config.dedup,
            max_tokens=config.curation.max_tokens or config.trainer.max_length,
            seed=config.seed,
            synthesis=config.synthesis,
            model=config.model,
            executor=config.executor,
        )


def dataset_digests(settings: DatasetSettings) -> dict[str, str]:
    """Return the digests of what a dataset depends on from outside: tokenizer, evaluation sets, packages of rules."""
    base = find_base_model(settings.model)
    lengths = {"tokenizer": base.tokenizer_digest, "chat_template": base.chat_template_digest}
    return {**lengths, **guard_digests(settings.curation)}


def freeze_dataset(settings: DatasetSettings, inputs: Inputs, out: Path) -> dict[str, Any]:
    """Curate the examples and write the frozen dataset."""
    summary = _curate(settings, inputs, out, ModelTokens(find_base_model(settings.model).path))
    for line in large_drops(summary["funnel"]):
        warn(line)
    missed = missed_share(summary, settings.synthesis)
    if missed:
        warn(missed)
    documents, examples = inputs["documents"], inputs["examples"]
    facts = read_dataset_facts(summary, out / DATASET, documents.path, examples.path, examples.summary, settings.seed)
    write_text(out / DATASET_REPORT, dataset_report(facts))
    return {**summary, "headline": headline(summary)}


def missed_share(summary: Mapping[str, Any], synthesis: SynthesisConfig) -> str | None:
    """Return a line where a model wrote fewer training rows than it was to write, with the settings that change it."""
    rows, written = summary["splits"]["train"]["examples"], summary["mixture"]["model"]
    wanted = synthesis.share if isinstance(synthesis, HybridSynthesis) else 0.0
    if written >= wanted * rows or not summary["teacher"].get("asked"):
        return None
    return (
        f"a model wrote {written:,} of {rows:,} training rows ({written / rows:.1%}), fewer than wanted "
        f"(synthesis.share={wanted:g}): ask about more passages (synthesis.writing.passages), by a stronger model "
        "(llm=...), or want fewer"
    )


def headline(summary: Mapping[str, Any]) -> str:
    """Return one line about a dataset: rows of each split, and tokens to train on."""
    counts = ", ".join(f"{facts['examples']:,} {split}" for split, facts in summary["splits"].items())
    rows, mixture = max(summary["splits"]["train"]["examples"], 1), summary["mixture"]
    names = {"label": "choices", "model": "by a model", "added": "added by secft"}
    told = ", ".join(f"{mixture[kind] / rows:.0%} {name}" for kind, name in names.items() if mixture[kind])
    line = f"{counts}; {summary['splits']['train']['tokens']:,} tokens to train on"
    return f"{line}; {told}" if told else line


def _curate(settings: DatasetSettings, inputs: Inputs, out: Path, tokens: TokenCounter) -> dict[str, Any]:
    shards = out / "shards"
    description = DatasetDescription(
        name=settings.name,
        provider=settings.provider,
        sources=inputs["documents"].summary["sources"],
        parents={name: inputs[name].digest for name in ("documents", "examples")},
        synthesis=plain(settings.synthesis),
        teacher=inputs["examples"].summary.get("teacher") or {},
        sent=inputs["examples"].summary.get("sent") or {},
        tokenizer=settings.model.id,
    )
    with open_executor(settings.executor) as executor:
        place = Workplace(executor, shards, settings.executor.shard_size)
        screening = Screening(
            examples_file=inputs["examples"].path / EXAMPLES,
            settings=settings.curation,
            tokens=tokens,
            max_tokens=settings.max_tokens,
            seed=settings.seed,
            known=catalogue(inputs["documents"].path / DOCUMENTS, place),
        )
        guards = guard_sets(settings.curation)
        summary = curate_dataset(screening, out / DATASET, settings.dedup, place, description, guards)
    shutil.rmtree(shards, ignore_errors=True)
    return summary


def approximate_dataset(settings: DatasetSettings, inputs: Inputs, out: Path) -> dict[str, Any]:
    """Curate with about four characters a token, for a plan where the model's tokenizer is not on this machine."""
    return _curate(settings, inputs, out, AboutTokens())


def publish_dataset(settings: DatasetSettings, artifact: Artifact, data: Path) -> Path:
    """Put a frozen dataset where people look for it: data/<provider>/<name>-vN, the same content only once."""
    return publish(artifact.path / DATASET, data, settings.provider, settings.name)
