"""Advisories in the OSV format."""

from __future__ import annotations

from dataclasses import dataclass

from secft.config.schemas.source import SourceConfig
from secft.config.setting import setting
from secft.dataset.sources.source import Reader, Source
from secft.reasons import Reason


@dataclass
class OsvSource(SourceConfig):
    """Advisories in the OSV format."""

    name: str = "osv"
    paths: list[str] = setting(
        about="JSONL or JSON files, plain or gzipped, zip archives of an ecosystem, folders or globs."
    )
    license: str = setting("CC-BY-4.0", about="Licence of the records, for the dataset card.")


def _reader() -> Reader:
    from secft.dataset.sources.osv.reader import READER

    return READER


SOURCE = Source(
    OsvSource,
    kinds=("vulnerability",),
    version=2,
    reader=_reader,
    repeats=Reason("record.repeated_id"),
    home="https://osv.dev/",
)
