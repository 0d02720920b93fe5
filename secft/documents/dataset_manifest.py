"""manifest.json of what training reads: a frozen dataset, or a corpus for pretraining."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from secft.documents.document import read_document


@dataclass(frozen=True)
class SplitCounts:
    """How large a split is."""

    examples: int
    tokens: int


@dataclass(frozen=True)
class SourceFacts:
    """What was read of one source.

    Attributes:
        documents: that came of it.
        version: as the source says it.
        license: of its records.
        url: where it is published, or an empty string.
        dropped: reason -> records that were left out.
        scrubbed: kind -> secrets that were replaced before anything was written about the documents.
    """

    documents: int
    version: str = ""
    license: str = ""
    url: str = ""
    dropped: Mapping[str, int] = field(default_factory=dict)
    scrubbed: Mapping[str, int] = field(default_factory=dict)


@dataclass(frozen=True)
class FunnelStep:
    """One step of curation.

    Attributes:
        step: its code, or its name in manifests of earlier versions.
        seen: examples that came to it.
        kept: examples that it let through.
        dropped: reason -> examples that it left out.
    """

    step: str
    seen: int
    kept: int
    dropped: Mapping[str, int] = field(default_factory=dict)


@dataclass(frozen=True)
class DatasetManifest:
    """A frozen dataset.

    Attributes:
        name: without version.
        provider: who wrote the examples.
        digest: of its content.
        splits: train, validation and test -> size.
        counts: task -> split -> examples.
        sources: name -> what was read.
        funnel: the steps of curation, in order.
        licenses: of the examples.
        language: of the rows, ISO 639-1, the most frequent first; empty where it is not known.
        languages: language, or ``unknown`` -> share of the rows; empty in manifests of earlier versions.
        parents: input -> digest.
        config: settings of curation.
        sent: host -> requests, passages and characters that were sent there to ask a model.
        format: of the dataset.
    """

    name: str
    provider: str
    digest: str
    splits: Mapping[str, SplitCounts]
    counts: Mapping[str, Mapping[str, int]]
    sources: Mapping[str, SourceFacts]
    funnel: Sequence[FunnelStep] = ()
    licenses: Sequence[str] = ()
    language: Sequence[str] = ("en",)
    languages: Mapping[str, float] = field(default_factory=dict)
    parents: Mapping[str, str] = field(default_factory=dict)
    config: Mapping[str, Any] = field(default_factory=dict)
    sent: Mapping[str, Mapping[str, int]] = field(default_factory=dict)
    format: str = ""


@dataclass(frozen=True)
class CorpusSource:
    """One text of a corpus: which part of it, and how it is kept."""

    file: str
    characters: int
    part: str
    sha256: str


@dataclass(frozen=True)
class CorpusSplit:
    """How large a part of a corpus is."""

    tokens: int


@dataclass(frozen=True)
class CorpusVocabulary:
    """What a token of a corpus is."""

    level: str


@dataclass(frozen=True)
class CorpusManifest:
    """A corpus for pretraining.

    Attributes:
        digest: of its content.
        splits: train and val -> size.
        vocabulary: what a token is.
        sources: its texts.
        obfuscated: kind of value -> places that were replaced.
        refused: texts that were left out.
    """

    digest: str
    splits: Mapping[str, CorpusSplit]
    vocabulary: CorpusVocabulary
    sources: Sequence[CorpusSource] = ()
    obfuscated: Mapping[str, int] = field(default_factory=dict)
    refused: Sequence[Any] = ()


def read_dataset_manifest(directory: Path) -> DatasetManifest:
    """Read the manifest of a frozen dataset.

    Raises:
        InputError: there is none, or it is none of a dataset.
    """
    return read_document(DatasetManifest, directory / "manifest.json")


def read_corpus_manifest(directory: Path) -> CorpusManifest:
    """Read the manifest of a corpus.

    Raises:
        InputError: there is none, or it is none of a corpus.
    """
    return read_document(CorpusManifest, directory / "manifest.json")
