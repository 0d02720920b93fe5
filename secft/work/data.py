"""Sources to documents, documents to examples, examples to a frozen dataset."""

from __future__ import annotations

import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from secft.artifact import Artifact
from secft.base import find_base_model
from secft.config.llm import HfLlm, LlamaCppLlm, LlmConfig
from secft.config.run import RunConfig
from secft.dataset import collect
from secft.dataset.curate import curate_dataset
from secft.dataset.curation.catalogue import catalogue
from secft.dataset.curation.screening import Screening, Tokens
from secft.dataset.freeze import DatasetDescription, publish
from secft.dataset.synthesise import Means, asks_a_model, prompt_digests, synthesise
from secft.dataset.tokens import AboutTokens, ModelTokens
from secft.engine import Workplace
from secft.engine.open import open_engine
from secft.errors import InputError
from secft.files import plain, sha256_file, write_text
from secft.llm.hf import describe
from secft.models.resolve import packaged_gguf
from secft.release.dataset_facts import read_dataset_facts
from secft.release.dataset_report import dataset_report
from secft.stage import Inputs
from secft.work.guard import guard_digests, guard_sets

DOCUMENTS = "documents.jsonl"
EXAMPLES = "examples.jsonl"
DATASET = "dataset"
"""The frozen dataset is a directory of its own inside the artifact, with a manifest of its own."""
DATASET_REPORT = "dataset_report.html"
"""Stands beside the frozen dataset, not in it: it tells what asking cost, which is not the same in every run."""


def source_digests(config: RunConfig) -> dict[str, str]:
    """Return label -> SHA-256 of every file that the sources read, and of the tokenizer that sizes chunks."""
    try:
        found = {label: sha256_file(path) for label, path in sorted(collect.external_files(config.source).items())}
    except OSError as error:
        raise InputError(f"{error.filename}: cannot be read ({error.strerror}).") from error
    return {**found, "tokenizer": find_base_model(config.model).tokenizer_digest} if _chunked(config) else found


def read_documents(config: RunConfig, inputs: Inputs, out: Path) -> dict[str, Any]:
    """Read every source into documents.jsonl."""
    with open_engine(config.engine) as engine:
        summary = collect.collect(config.source, out, engine, chunk_tokenizer(config))
    return {**summary, "headline": f"{summary['documents']:,} documents from {', '.join(sorted(config.source))}"}


def chunk_tokenizer(config: RunConfig) -> Path | None:
    """Return the directory of the tokenizer that sizes chunks, or None if no source is cut into chunks.

    Raises:
        ModelNotFoundError: the model is not on this machine.
    """
    return find_base_model(config.model).path if _chunked(config) else None


def _chunked(config: RunConfig) -> bool:
    return any(hasattr(source, "chunk_tokens") for source in config.source.values())


def write_examples(config: RunConfig, inputs: Inputs, out: Path) -> dict[str, Any]:
    """Turn documents into examples.jsonl."""
    with open_engine(config.engine) as engine:
        replies, spread = Path(config.paths.cache) / "replies", config.engine.name == "ray"
        means = Means(config.llm, replies, engine, spread, config.engine.shard_size)
        summary = synthesise(config.synthesis, inputs["documents"].path / DOCUMENTS, out, config.seed, means)
    return {**summary, "headline": _examples_headline(config, summary)}


def _examples_headline(config: RunConfig, summary: Mapping[str, Any]) -> str:
    told = f"{summary['examples']:,} examples by {config.synthesis.name}"
    teacher = summary.get("teacher")
    if not teacher:
        return told
    accepted, asked = sum(teacher["accepted"].values()), sum(teacher["asked"].values())
    cost = f", ${summary['spent']['cost']:.2f}" if summary["spent"]["cost"] else ""
    return f"{told}; {accepted:,} of {asked:,} pairs of {config.llm.model or config.llm.name} accepted{cost}"


def example_settings(config: RunConfig) -> dict[str, Any]:
    """Return what the examples depend on: the synthesis, and the model if it asks one."""
    return {"synthesis": config.synthesis, **({"llm": config.llm} if asks_a_model(config.synthesis) else {})}


def teacher_digests(config: RunConfig) -> dict[str, str]:
    """Return the digests of what a model is asked with: prompt files, and the weights where they are a local file."""
    if not asks_a_model(config.synthesis):
        return {}
    return {**prompt_digests(config.synthesis), **_weights(config.llm)}


def _weights(llm: LlmConfig) -> dict[str, str]:
    if isinstance(llm, LlamaCppLlm):
        path = Path(llm.path) if llm.path else packaged_gguf()
        return {"teacher": sha256_file(path)} if path else {}
    return {"teacher": describe(llm).digest} if isinstance(llm, HfLlm) else {}


def dataset_name(config: RunConfig) -> str:
    """Return the name of the dataset: what the user says, or the sources, joined."""
    return config.dataset.name or "-".join(sorted(config.source))


def dataset_provider(config: RunConfig) -> str:
    """Return who wrote the examples: what the user says, the model that was asked, or the name of the synthesis."""
    writer = config.llm.name if asks_a_model(config.synthesis) else config.synthesis.name
    return config.dataset.provider or writer


def dataset_settings(config: RunConfig) -> dict[str, Any]:
    """Return what the frozen dataset depends on."""
    return {
        "curation": config.curation,
        "dedup": config.dedup,
        "name": dataset_name(config),
        "provider": dataset_provider(config),
        "max_tokens": longest_example(config),
    }


def longest_example(config: RunConfig) -> int:
    """Return how long a conversation may be, in tokens of the model."""
    return config.curation.max_tokens or config.trainer.max_length


def tokenizer_digests(config: RunConfig) -> dict[str, str]:
    """Return the digests of the tokenizer and its chat template: lengths depend on them."""
    base = find_base_model(config.model)
    return {"tokenizer": base.tokenizer_digest, "chat_template": base.chat_template_digest}


def dataset_digests(config: RunConfig) -> dict[str, str]:
    """Return the digests of what a dataset depends on from outside: tokenizer, evaluation sets, packages of rules."""
    return {**tokenizer_digests(config), **guard_digests(config)}


def freeze_dataset(config: RunConfig, inputs: Inputs, out: Path) -> dict[str, Any]:
    """Curate the examples and write the frozen dataset."""
    summary = _curate(config, inputs, out, ModelTokens(find_base_model(config.model).path))
    documents, examples = inputs["documents"], inputs["examples"]
    facts = read_dataset_facts(summary, out / DATASET, documents.path, examples.path, examples.summary, config.seed)
    write_text(out / DATASET_REPORT, dataset_report(facts))
    return {**summary, "headline": headline(summary)}


def headline(summary: Mapping[str, Any]) -> str:
    """Return one line about a dataset: rows of each split, and tokens to train on."""
    counts = ", ".join(f"{facts['examples']:,} {split}" for split, facts in summary["splits"].items())
    return f"{counts}; {summary['splits']['train']['tokens']:,} tokens to train on"


def _curate(config: RunConfig, inputs: Inputs, out: Path, tokens: Tokens) -> dict[str, Any]:
    shards = out / "shards"
    with open_engine(config.engine) as engine:
        place = Workplace(engine, shards, config.engine.shard_size)
        screening = Screening(
            examples_file=inputs["examples"].path / EXAMPLES,
            settings=config.curation,
            tokens=tokens,
            max_tokens=longest_example(config),
            seed=config.seed,
            known=catalogue(inputs["documents"].path / DOCUMENTS, place),
        )
        describe = describe_dataset(config, inputs)
        summary = curate_dataset(screening, out / DATASET, config.dedup, place, describe, guard_sets(config))
    shutil.rmtree(shards, ignore_errors=True)
    return summary


def approximate_dataset(config: RunConfig, inputs: Inputs, out: Path) -> dict[str, Any]:
    """Curate with about four characters a token, for a plan where the model's tokenizer is not on this machine."""
    return _curate(config, inputs, out, AboutTokens())


def publish_dataset(config: RunConfig, artifact: Artifact) -> Path:
    """Put a frozen dataset where people look for it: data/<provider>/<name>-vN, the same content only once."""
    return publish(artifact.path / DATASET, Path(config.paths.data), dataset_provider(config), dataset_name(config))


def describe_dataset(config: RunConfig, inputs: Inputs) -> DatasetDescription:
    """Return what the dataset's card and manifest say about its origin."""
    return DatasetDescription(
        name=dataset_name(config),
        provider=dataset_provider(config),
        sources=inputs["documents"].summary["sources"],
        parents={name: artifact.digest for name, artifact in inputs.items()},
        synthesis=plain(config.synthesis),
        teacher=inputs["examples"].summary.get("teacher") or {},
        tokenizer=config.model.id,
    )
