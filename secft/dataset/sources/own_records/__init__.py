"""Datasets of one's own: chat records or texts."""

from __future__ import annotations

from dataclasses import dataclass

from secft.config.schemas.source import SourceConfig
from secft.config.setting import setting
from secft.dataset.sources.source import Reader, Source


@dataclass
class JsonlSource(SourceConfig):
    """A dataset of your own: conversations, answers or pairs of answers in files of JSON."""

    name: str = "jsonl"
    paths: list[str] = setting([], about="Files of JSON with conversations, folders or globs of them.")
    path: str = setting("", about="One such file; the same as paths with one entry.", file=True)
    license: str = setting("unknown", about="Licence of the records, for the dataset card.")
    url: str = setting("", about="Where the records come from, for the dataset card.")
    max_bad_lines: int = setting(0, about="Lines that may be rejected before the run is refused.", low=0)
    fields: dict[str, str] = setting({}, about="Your column -> messages, system, user, assistant, text, title, id, ...")
    reasoning: str = setting("drop", about="What the assistant thought before its answers.", choices=("drop", "keep"))


@dataclass
class ParquetSource(SourceConfig):
    """A dataset of your own: Parquet files, or a Hugging Face dataset that was saved to disk."""

    name: str = "parquet"
    paths: list[str] = setting(about="Parquet files, folders or globs, or a folder written by save_to_disk.")
    license: str = setting("unknown", about="Licence of the records, for the dataset card.")
    url: str = setting("", about="Where the records come from, for the dataset card.")
    max_bad_rows: int = setting(0, about="Rows that may be rejected before the run is refused.", low=0)
    fields: dict[str, str] = setting({}, about="Your column -> messages, system, user, assistant, text, title, id, ...")
    reasoning: str = setting("drop", about="What the assistant thought before its answers.", choices=("drop", "keep"))


def _jsonl_reader() -> Reader:
    from secft.dataset.sources.own_records.jsonl import READER

    return READER


def _parquet_reader() -> Reader:
    from secft.dataset.sources.own_records.parquet import READER

    return READER


SOURCES = (
    Source(JsonlSource, kinds=("record", "guide"), version=3, reader=_jsonl_reader),
    Source(ParquetSource, kinds=("record", "guide"), version=2, reader=_parquet_reader),
)
