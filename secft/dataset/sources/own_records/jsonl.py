"""A dataset of your own: chat records or texts, one JSON object a line, plain or gzipped.

Shapes of a row, mapping of columns, and fields of the documents: see chat_record.py.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from secft.dataset.sources.own_records import JsonlSource
from secft.dataset.sources.own_records.bad_rows import Row, Tolerance, accepted
from secft.dataset.sources.own_records.chat_record import BadRecordError, Origin, columns_problems, document_of_row
from secft.dataset.sources.reading.input_files import path_problems, read_lines
from secft.dataset.sources.reading.json_values import clean
from secft.dataset.sources.source import Reader, ReadLog
from secft.errors import Problem
from secft.files import sha256_file
from secft.reasons import Reason
from secft.records import Document

EXPECTED = "chat records, one JSON object a line, with `messages`, or `user` and `assistant`"
MAX_LINE = 4 << 20
"""Longest line in bytes; longer ones are rejected without being held in memory."""


def _parse(line: bytes | None) -> dict[str, Any]:
    if line is None:
        raise BadRecordError(Reason("record.too_long", f"{MAX_LINE:,}"))
    try:
        record = json.loads(line)
    except (ValueError, RecursionError):
        raise BadRecordError(Reason("record.not_json")) from None
    if not isinstance(record, dict):
        raise BadRecordError(Reason("record.not_object"))
    return record


def _rows(path: Path, origin: Origin) -> Iterator[Row]:
    for number, line in read_lines(path, EXPECTED, MAX_LINE):
        try:
            yield f"line {number}", document_of_row(_parse(line), f"{number:07d}", origin)
        except BadRecordError as error:
            yield f"line {number}", error


def _read(config: JsonlSource, log: ReadLog) -> Iterator[Document]:
    """Yield one document per good line; bad lines are counted by reason.

    Raises:
        InputError: the file is missing or empty, or has more bad lines than ``max_bad_lines``.
    """
    path = Path(config.path)
    version = f"sha256:{sha256_file(path)[:12]}" if path.is_file() else ""
    origin = Origin("jsonl", version, config.license, config.url, clean(config.path), config.fields)
    tolerance = Tolerance(config.max_bad_lines, "max_bad_lines", "line", config.path, EXPECTED)
    yield from accepted(_rows(path, origin), log, tolerance)


def _external_files(config: JsonlSource) -> dict[str, Path]:
    return {"records": Path(config.path)}


def _problems(config: JsonlSource, key: str) -> list[Problem]:
    return path_problems(config.path, f"{key}.path") + columns_problems(config.fields, f"{key}.fields")


READER = Reader(read=_read, external_files=_external_files, problems=_problems)
