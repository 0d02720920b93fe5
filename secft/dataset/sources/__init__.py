"""Sources of knowledge: a table of readers, and the collection of their documents into one file."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from secft.config.source import SourceConfig
from secft.dataset.sources import (
    attack,
    capec,
    cve,
    cwe,
    jsonl,
    kev,
    oscal,
    osv,
    owasp,
    parquet,
    pdf,
    sigma,
    tool_logs,
    web,
    xccdf,
)
from secft.dataset.sources.intake import Intake, Reader
from secft.errors import InputError, Problem
from secft.files import write_jsonl
from secft.lookup import pick
from secft.records import Document

READERS: Mapping[str, Reader] = {
    "attack": attack.READER,
    "capec": capec.READER,
    "cve": cve.READER,
    "cwe": cwe.READER,
    "jsonl": jsonl.READER,
    "kev": kev.READER,
    "oscal": oscal.READER,
    "osv": osv.READER,
    "owasp": owasp.READER,
    "parquet": parquet.READER,
    "pdf": pdf.READER,
    "sigma": sigma.READER,
    "tool_logs": tool_logs.READER,
    "web": web.READER,
    "xccdf": xccdf.READER,
}
VERSION = 1
"""Raised when the same inputs would give other documents."""

DOCUMENTS, REFUSED = "documents.jsonl", "refused.jsonl"


def natural(identifier: str) -> list[tuple[int, int, str]]:
    """Return a sorting key by which CWE-9 comes before CWE-79."""
    parts = re.findall(r"\d+|\D+", identifier)
    return [(0, int(part), "") if part.isascii() and part.isdigit() else (1, 0, part) for part in parts]


def _reader(key: str, config: SourceConfig) -> Reader:
    return pick(READERS, config.name, f"source.{key}.name")


def problems(configs: Mapping[str, SourceConfig]) -> list[Problem]:
    """Return what is missing on this machine for any of the sources; reads no content."""
    return [
        found for key, config in configs.items() for found in _reader(key, config).problems(config, f"source.{key}")
    ]


def external_files(configs: Mapping[str, SourceConfig]) -> dict[str, Path]:
    """Return every input file of the sources as ``<source>/<part>`` -> path, for fingerprints."""
    files = {key: _reader(key, config).external_files(config) for key, config in configs.items()}
    return {f"{key}/{part}": path for key, parts in files.items() for part, path in parts.items()}


def refresh(configs: Mapping[str, SourceConfig]) -> None:
    """Bring what the sources read from the network onto this machine; what is there already is not asked for again.

    Raises:
        InputError: a server refuses, or cannot be reached.
    """
    for key, config in sorted(configs.items()):
        reader = _reader(key, config)
        if reader.refresh is not None:
            reader.refresh(config)


def read_documents(config: SourceConfig, intake: Intake, key: str | None = None) -> list[Document]:
    """Read one source, in natural order of ids, at most ``config.limit`` documents.

    Raises:
        InputError: the input cannot be used.
    """
    read = _reader(key or config.name, config).read(config, intake)
    documents = sorted(read, key=lambda document: natural(document.id))
    kept = documents[: config.limit]
    for document in documents[len(kept) :]:
        intake.refuse(document.id, "over the limit of the source")
    for _ in kept:
        intake.tally.keep()
    return kept


def _summary(documents: list[Document], intake: Intake) -> dict[str, Any]:
    first = documents[0]
    return {
        "documents": len(documents),
        "kind": first.kind,
        "version": first.source_version,
        "license": first.license,
        "url": HOMES.get(first.source, first.url),
        "seen": intake.tally.seen,
        "kept": intake.tally.kept,
        "dropped": dict(sorted(intake.tally.dropped.items())),
    }


HOMES = {"cwe": "https://cwe.mitre.org/", "attack": "https://attack.mitre.org/"}
"""Public page of a source as a whole, for cards."""


def collect(configs: Mapping[str, SourceConfig], out: Path) -> dict[str, Any]:
    """Read all sources and write ``documents.jsonl`` and ``refused.jsonl``.

    Args:
        configs: sources by their key in the configuration.
        out: an existing or new directory of an unfinished stage.

    Returns:
        ``documents`` (number of all) and ``sources``: per source its number of documents, kind, version, licence,
        URL, and how many records were seen, kept and dropped by reason.

    Raises:
        InputError: an input cannot be used, two documents share an id, or nothing is left of a source.
        StorageError: the disk is full or cannot be written.
    """
    everything: list[Document] = []
    refused: list[dict[str, str]] = []
    summaries: dict[str, Any] = {}
    for key, config in sorted(configs.items()):
        intake = Intake()
        documents = read_documents(config, intake, key)
        if not documents:
            raise InputError(f"source.{key}: no document is left; dropped: {intake.tally.dropped or 'nothing'}.")
        everything += documents
        refused += [{"source": key, **row} for row in intake.refused]
        summaries[key] = _summary(documents, intake)
    _check_unique(everything)
    write_jsonl(out / DOCUMENTS, everything)
    write_jsonl(out / REFUSED, refused)
    return {"documents": len(everything), "sources": summaries}


def _check_unique(documents: list[Document]) -> None:
    seen: dict[str, str] = {}
    for document in documents:
        if document.id in seen:
            raise InputError(f"document {document.id} comes twice: from {seen[document.id]} and {document.source}.")
        seen[document.id] = document.source
