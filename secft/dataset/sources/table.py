"""Sources of knowledge: the table of readers."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from secft.config.source import SourceConfig
from secft.dataset.natural import natural as natural
from secft.dataset.sources import (
    agent_runs,
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
from secft.dataset.sources.intake import Reader
from secft.errors import Problem
from secft.lookup import pick

READERS: Mapping[str, Reader] = {
    "agent_runs": agent_runs.READER,
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
VERSION = 2
"""Raised when the same inputs would give other documents."""


def reader_of(key: str, config: SourceConfig) -> Reader:
    """Return how a source is read.

    Raises:
        ConfigError: no reader has that name.
    """
    return pick(READERS, config.name, f"source.{key}.name")


def problems(configs: Mapping[str, SourceConfig]) -> list[Problem]:
    """Return what is missing on this machine for any of the sources; reads no content."""
    return [
        found for key, config in configs.items() for found in reader_of(key, config).problems(config, f"source.{key}")
    ]


def external_files(configs: Mapping[str, SourceConfig]) -> dict[str, Path]:
    """Return every input file of the sources as ``<source>/<part>`` -> path, for fingerprints."""
    files = {key: reader_of(key, config).external_files(config) for key, config in configs.items()}
    return {f"{key}/{part}": path for key, parts in files.items() for part, path in parts.items()}


def refresh(configs: Mapping[str, SourceConfig]) -> None:
    """Bring what the sources read from the network onto this machine; what is there already is not asked for again.

    Raises:
        InputError: a server refuses, or cannot be reached.
    """
    for key, config in sorted(configs.items()):
        reader = reader_of(key, config)
        if reader.refresh is not None:
            reader.refresh(config)
