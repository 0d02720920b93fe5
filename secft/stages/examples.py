"""Documents to examples: by templates, by a model that is asked, or as they were brought."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from secft.chat.hf import describe
from secft.config.roots import RunConfig
from secft.config.schemas.curation import SplitConfig
from secft.config.schemas.executor import ExecutorConfig
from secft.config.schemas.llm import HfLlm, LlamaCppLlm, LlmConfig
from secft.config.schemas.synthesis import SynthesisConfig
from secft.dataset.synthesise import SynthesisContext, asks_a_model, prompt_digests, synthesise
from secft.executor.open import open_executor
from secft.files import sha256_file
from secft.models.resolve import packaged_gguf
from secft.stage import INTERNAL, Inputs
from secft.stages.documents import DOCUMENTS

EXAMPLES = "examples.jsonl"


@dataclass(frozen=True)
class ExamplesSettings:
    """What the examples depend on.

    Attributes:
        synthesis: how they are written.
        llm: the model that is asked, or None if none is.
        split: what is held out, about which no model is asked; None where none is.
        seed: of choices among phrasings.
        executor: on what shards run.
        replies: where replies of models are kept.
    """

    synthesis: SynthesisConfig
    llm: LlmConfig | None
    split: SplitConfig | None
    seed: int
    executor: ExecutorConfig = field(metadata=INTERNAL)
    replies: Path = field(metadata=INTERNAL)

    @classmethod
    def of(cls, config: RunConfig) -> ExamplesSettings:
        """Take them from the configuration of a run."""
        asks = asks_a_model(config.synthesis)
        return cls(
            synthesis=config.synthesis,
            llm=config.llm if asks else None,
            split=config.curation.split if asks else None,
            seed=config.seed,
            executor=config.executor,
            replies=Path(config.paths.cache) / "replies",
        )


def teacher_digests(settings: ExamplesSettings) -> dict[str, str]:
    """Return the digests of what a model is asked with: prompt files, and the weights where they are a local file."""
    llm = settings.llm
    if llm is None:
        return {}
    weights = {}
    if isinstance(llm, LlamaCppLlm):
        path = Path(llm.path) if llm.path else packaged_gguf()
        weights = {"teacher": sha256_file(path)} if path else {}
    elif isinstance(llm, HfLlm):
        weights = {"teacher": describe(llm).digest}
    return {**prompt_digests(settings.synthesis), **weights}


def write_examples(settings: ExamplesSettings, inputs: Inputs, out: Path) -> dict[str, Any]:
    """Turn documents into examples.jsonl."""
    with open_executor(settings.executor) as executor:
        spread, shard_size = settings.executor.name == "ray", settings.executor.shard_size
        context = SynthesisContext(
            settings.llm or LlmConfig(), settings.replies, executor, settings.split, spread, shard_size
        )
        summary = synthesise(settings.synthesis, inputs["documents"].path / DOCUMENTS, out, settings.seed, context)
    return {**summary, "headline": _headline(settings, summary)}


def _headline(settings: ExamplesSettings, summary: Mapping[str, Any]) -> str:
    headline = f"{summary['examples']:,} examples by {settings.synthesis.name}"
    teacher, llm = summary.get("teacher"), settings.llm
    if not teacher or llm is None:
        return headline
    accepted, questions = sum(teacher["accepted"].values()), sum(teacher["asked"].values())
    if not questions:
        return f"{headline}; no model was asked: no document has a passage to ask about"
    cost = f", ${summary['spent']['cost']:.2f}" if summary["spent"]["cost"] else ""
    return f"{headline}; {accepted:,} of {questions:,} pairs of {llm.model or llm.name} accepted{cost}"
