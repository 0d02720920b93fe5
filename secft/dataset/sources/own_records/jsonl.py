"""A dataset of your own: chat records or texts in files of JSON, mostly one object a line, plain or gzipped.

Shapes of a row, mapping of columns, and fields of the documents: see shapes.py and chat_record.py.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from secft.dataset.sources.own_records import JsonlSource
from secft.dataset.sources.own_records.bad_rows import Row, Tolerance, accepted
from secft.dataset.sources.own_records.chat_record import Origin, columns_problems, documents_of_row
from secft.dataset.sources.own_records.json_files import json_records
from secft.dataset.sources.reading.bad_record import BadRecordError
from secft.dataset.sources.reading.json_values import clean
from secft.dataset.sources.reading.paths import (
    expand_paths,
    named_files,
    paths_problems,
    refused_links,
    shown_name,
)
from secft.dataset.sources.source import Reader, ReadLog
from secft.errors import Problem
from secft.files import sha256_file
from secft.reasons import Reason
from secft.records import Document

EXPECTED = "chat records, one JSON object a line, with `messages`, a question and an answer, or `chosen` and `rejected`"
SUFFIXES = (".jsonl", ".jsonl.gz", ".ndjson", ".ndjson.gz", ".json", ".json.gz")


def _paths(config: JsonlSource) -> list[str]:
    return [*([config.path] if config.path else []), *config.paths]


def _rows(config: JsonlSource, log: ReadLog) -> Iterator[Row]:
    paths = _paths(config)
    # A path that names one file is read whatever it is called, and its absence is told when it is opened.
    files = expand_paths(paths, SUFFIXES) if len(paths) > 1 or not Path(paths[0]).is_file() else paths
    for path in files:
        shown = f"{clean(shown_name(paths, path))}#" if len(files) > 1 else ""
        version = f"sha256:{sha256_file(Path(path))[:12]}"
        keep = config.reasoning == "keep"
        origin = Origin("jsonl", version, config.license, config.url, clean(path), config.fields, keep, shown)
        for where, number, record in json_records(Path(path), EXPECTED):
            place = f"{shown.rstrip('#')} {where}".strip()
            if isinstance(record, BadRecordError):
                yield place, record
                continue
            try:
                for document in documents_of_row(record, f"{shown}{number:07d}", origin, log):
                    yield place, document
            except BadRecordError as error:
                yield place, error


def _read(config: JsonlSource, log: ReadLog) -> Iterator[Document]:
    """Yield one document per good record; bad ones are counted by reason.

    Raises:
        InputError: a file is missing or empty, or more lines are bad than ``max_bad_lines``.
    """
    for link in refused_links([path for path in _paths(config) if not Path(path).is_file()], SUFFIXES):
        log.refuse(clean(link), Reason("file.link_outside"))
    where = ", ".join(_paths(config))
    tolerance = Tolerance(config.max_bad_lines, "max_bad_lines", "line", where, EXPECTED)
    yield from accepted(_rows(config, log), log, tolerance)


def _external_files(config: JsonlSource) -> dict[str, Path]:
    paths = _paths(config)
    if len(paths) == 1 and not Path(paths[0]).is_dir():
        return {"records": Path(paths[0])} if Path(paths[0]).is_file() else named_files(paths, SUFFIXES)
    return named_files(paths, SUFFIXES)


def _problems(config: JsonlSource, key: str) -> list[Problem]:
    found = columns_problems(config.fields, f"{key}.fields")
    if config.path:
        found = [*paths_problems([config.path], f"{key}.path"), *found]
    if config.paths or not config.path:
        found = [*paths_problems(config.paths, f"{key}.paths"), *found]
    return found


READER = Reader(read=_read, external_files=_external_files, problems=_problems)
