"""Sources to documents."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from secft.base import find_base_model
from secft.config.roots import RunConfig
from secft.config.schemas.curation import SecretsConfig
from secft.config.schemas.executor import ExecutorConfig
from secft.config.schemas.model import ModelConfig
from secft.dataset import collect
from secft.dataset.curation.document_scrub import SCRUBBED
from secft.dataset.curation.problems import scrubbing_packages
from secft.errors import InputError
from secft.executor.open import open_executor
from secft.files import sha256_file
from secft.reasons import counted_text
from secft.stage import INTERNAL, Inputs
from secft.train.objectives.pretrain import PretrainTrainer

DOCUMENTS = "documents.jsonl"


@dataclass(frozen=True)
class DocumentsSettings:
    """What the documents depend on.

    Attributes:
        source: name -> settings of the source.
        secrets: what is replaced by placeholders before anything is written about a document.
        model: whose tokenizer sizes chunks, where a source is cut into chunks.
        executor: on what shards run.
    """

    source: Mapping[str, Any]
    secrets: SecretsConfig
    model: ModelConfig = field(metadata=INTERNAL)
    executor: ExecutorConfig = field(metadata=INTERNAL)

    @classmethod
    def of(cls, config: RunConfig) -> DocumentsSettings:
        """Take them from the configuration of a run; a pretraining obfuscates its texts by rules of its own."""
        pretraining = isinstance(config.trainer, PretrainTrainer)
        secrets = SecretsConfig(scrub=False) if pretraining else config.curation.secrets
        return cls(config.source, secrets, config.model, config.executor)

    @property
    def tokenizer(self) -> Path | None:
        """Directory of the tokenizer that sizes chunks, or None if no source is cut into chunks.

        Raises:
            ModelNotFoundError: the model is not on this machine.
        """
        chunked = any(hasattr(source, "chunk_tokens") for source in self.source.values())
        return find_base_model(self.model).path if chunked else None


def source_digests(settings: DocumentsSettings) -> dict[str, str]:
    """Return label -> SHA-256 of every file that the sources read, and of the tokenizer that sizes chunks."""
    try:
        found = {label: sha256_file(path) for label, path in sorted(collect.external_files(settings.source).items())}
    except OSError as error:
        raise InputError(f"{error.filename}: cannot be read ({error.strerror}).") from error
    found.update(scrubbing_packages(settings.secrets))
    return {**found, "tokenizer": find_base_model(settings.model).tokenizer_digest} if settings.tokenizer else found


def read_documents(settings: DocumentsSettings, inputs: Inputs, out: Path) -> dict[str, Any]:
    """Read every source into documents.jsonl."""
    with open_executor(settings.executor) as executor:
        summary = collect.collect(settings.source, out, executor, settings.tokenizer, settings.secrets)
    replaced = sum(sum(source.get(SCRUBBED, {}).values()) for source in summary["sources"].values())
    scrubbed = f"; {replaced:,} secrets replaced" if replaced else ""
    unused = sum((Counter(source.get("unused", {})) for source in summary["sources"].values()), Counter[str]())
    left = f"; not used: {counted_text(unused)}" if unused else ""
    names = ", ".join(sorted(settings.source))
    return {**summary, "headline": f"{summary['documents']:,} documents from {names}{scrubbed}{left}"}
