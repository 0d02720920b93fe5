"""Sigma detection rules."""

from __future__ import annotations

from dataclasses import dataclass

from secft.config.schemas.source import SourceConfig
from secft.config.setting import setting
from secft.dataset.sources.source import Reader, Source
from secft.reasons import Reason


@dataclass
class SigmaSource(SourceConfig):
    """Sigma detection rules: YAML files, or JSONL with one rule a line."""

    name: str = "sigma"
    paths: list[str] = setting(about="YAML files, folders or globs of them, or JSONL, plain or gzipped.")
    license: str = setting("DRL-1.1", about="Licence of the rules, for the dataset card.")


def _reader() -> Reader:
    from secft.dataset.sources.sigma.reader import READER

    return READER


SOURCE = Source(
    SigmaSource,
    kinds=("rule",),
    version=2,
    reader=_reader,
    repeats=Reason("record.repeated_id"),
    home="https://sigmahq.io/",
)
