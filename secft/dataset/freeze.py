"""Write a finished dataset with its card and manifest, and publish it as an immutable version."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from secft.dataset.card import dataset_card
from secft.dataset.contents import Contents
from secft.dataset.croissant import CROISSANT, croissant
from secft.dataset.languages import languages_of
from secft.dataset.rows import Record, write_splits
from secft.dataset.split import SPLITS
from secft.files import (
    digest,
    plain,
    sha256_file,
    tree_digests,
    write_json,
    write_jsonl,
    write_text,
)
from secft.naming import check_name
from secft.versions import MANIFEST, publish_version

FORMAT = "secft-dataset/1"
CARD, DUPLICATES = "DATASET_CARD.md", "duplicates.jsonl"


@dataclass(frozen=True)
class DatasetDescription:
    """What a dataset says about itself besides its rows.

    Attributes:
        name: name without version, for example ``attack-cwe``.
        provider: who wrote the examples, for example ``template``.
        sources: the ``sources`` part of what ``sources.collect`` returned.
        synthesis: settings of the synthesiser, plain values.
        parents: name of an input -> its digest.
        tokenizer: whose tokens are counted, for example ``HuggingFaceTB/SmolLM2-135M-Instruct``.
        teacher: where a model was asked: ``asked``, ``accepted`` and ``rejected``, each a name -> number; else empty.
        sent: host -> ``requests``, ``passages`` and ``characters`` that were sent there; empty where nothing left.
    """

    name: str
    provider: str
    sources: Mapping[str, Mapping[str, Any]]
    synthesis: Mapping[str, Any] = field(default_factory=dict)
    parents: Mapping[str, str] = field(default_factory=dict)
    tokenizer: str = "the model"
    teacher: Mapping[str, Mapping[str, int]] = field(default_factory=dict)
    sent: Mapping[str, Mapping[str, int]] = field(default_factory=dict)


SEAL = "seal"
MIXTURE = ("label", "model", "added")
"""Kinds of training rows whose share is told."""


def content_digest(directory: Path, config: Any, parents: Any) -> str:
    """Return the digest that identifies a dataset: its rows, its configuration and its inputs.

    Parquet and card are left out: they say the same in bytes that depend on the versions of libraries.
    """
    rows = {split: sha256_file(directory / f"{split}.jsonl") for split in SPLITS}
    return digest({"format": FORMAT, "rows": rows, "config": config, "parents": parents})


def freeze(
    out: Path,
    splits: Mapping[str, Iterable[Record]],
    funnel: Sequence[Mapping[str, Any]],
    tokens: Mapping[str, int],
    rules: Mapping[str, Any],
    describe: DatasetDescription,
    lengths: Mapping[str, Any] | None = None,
    duplicates: Sequence[Mapping[str, Any]] = (),
) -> dict[str, Any]:
    """Write rows, card, Croissant metadata and, last, the manifest.

    Args:
        out: an existing or new directory of an unfinished stage.
        splits: split -> rows as ``Example.record`` gives them, with plain values only; each is read once.
        funnel: steps of curation.
        tokens: split -> number of tokens.
        rules: everything that decided about the rows, ``dedup`` among it.
        describe: name, provider, sources, parents.
        lengths: how long the examples are, see length_table.
        duplicates: pairs that were taken for duplicates, see shown_pairs; written to ``duplicates.jsonl``.

    Returns:
        The manifest.

    Raises:
        StorageError: the disk is full or cannot be written.
    """
    contents = Contents()
    contents.layout = write_splits(out, {split: contents.seen(split, splits[split]) for split in SPLITS})
    write_jsonl(out / DUPLICATES, duplicates)
    languages = contents.languages.shares()
    config = plain({"synthesis": describe.synthesis, **{key: rules[key] for key in rules if key != "dedup"}})
    dedup = plain(rules.get("dedup", {}))
    parents = dict(sorted(describe.parents.items()))
    manifest: dict[str, Any] = {
        "format": FORMAT,
        "name": describe.name,
        "provider": describe.provider,
        "digest": content_digest(out, {**config, "dedup": dedup}, parents),
        "splits": {split: {"examples": contents.rows(split), "tokens": tokens[split]} for split in SPLITS},
        "counts": contents.tasks(),
        "mixture": {kind: contents.mixture[kind] for kind in MIXTURE},
        "funnel": list(funnel),
        "lengths": dict(lengths or {}),
        "teacher": plain(dict(describe.teacher)),
        **({"sent": plain(dict(describe.sent))} if describe.sent else {}),
        "sources": plain(dict(describe.sources)),
        "licenses": sorted(contents.licenses),
        "language": languages_of(languages),
        "languages": languages,
        "tokenizer": describe.tokenizer,
        "parents": parents,
        "config": config,
        "dedup": dedup,
    }
    write_text(out / CARD, dataset_card(manifest, contents))
    write_json(
        out / CROISSANT, croissant(manifest, tree_digests(out, leave_out=(MANIFEST, CROISSANT)), contents.layout)
    )
    manifest["files"] = tree_digests(out, leave_out=(MANIFEST,))
    manifest[SEAL] = seal_of(manifest)
    write_json(out / MANIFEST, manifest)
    return manifest


def seal_of(manifest: Mapping[str, Any]) -> str:
    """Return the SHA-256 of everything that a manifest says, but the seal: licences and teachers, too."""
    return digest({key: value for key, value in manifest.items() if key != SEAL})


def publish(directory: Path, data_root: Path, provider: str, name: str) -> Path:
    """Make a frozen dataset available as ``data/<provider>/<name>-vN``; see secft.versions.

    An equal version (same content digest) is found again; otherwise the next number is taken.

    Args:
        directory: what ``freeze`` wrote.
        data_root: root of all datasets.
        provider: first part of the name.
        name: second part of the name, without version.

    Returns:
        The directory of the version.

    Raises:
        InputError: a name is not usable as a directory name, or the found version does not match its manifest.
        StorageError: the disk is full or cannot be written.
    """
    return publish_version(directory, data_root / check_name(provider, "a provider of datasets"), name, FORMAT)
