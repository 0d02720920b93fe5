"""Read evaluation sets of the user's, so that training can be kept clear of them.

Any of the usual forms is read: JSON lines, JSON (a list, or a list under one key), TSV and CSV with a header, plain
text with one item a line; gzipped or not. Of a record the question counts.
"""

from __future__ import annotations

import csv
import gzip
import io
import json
import zlib
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from secft.errors import InputError

LARGEST = 256 * 1024 * 1024
"""Bytes of one file, unpacked."""

QUESTION_KEYS = (
    "question",
    "prompt",
    "mutated_prompt",
    "text",
    "input",
    "query",
    "instruction",
    "user",
    "Question",
    "Prompt",
)
"""Where the question of a record stands; the first that is there counts."""


def read_guard_file(path: Path) -> list[str]:
    """Return the texts of an evaluation set's items, each once, sorted.

    Raises:
        InputError: the file cannot be read, is too large, or holds no item.
    """
    text = _content(path)
    name = path.name.removesuffix(".gz").lower()
    if name.endswith((".tsv", ".csv")):
        rows: Iterable[Any] = csv.DictReader(io.StringIO(text), delimiter="\t" if name.endswith(".tsv") else ",")
    elif name.endswith((".json", ".jsonl")):
        rows = _json_rows(text, path)
    else:
        rows = text.splitlines()
    items = sorted({item for item in map(_item, rows) if item})
    if not items:
        raise InputError(
            f"{path}: no item found. Expected records with one of {', '.join(QUESTION_KEYS)} or `messages`, or plain "
            "lines."
        )
    return items


def _content(path: Path) -> str:
    try:
        with path.open("rb") as raw:
            packed = raw.read(2) == b"\x1f\x8b"
        with gzip.open(path, "rb") if packed else path.open("rb") as stream:
            data = stream.read(LARGEST + 1)
    except (OSError, EOFError, zlib.error) as error:
        raise InputError(f"{path}: cannot be read ({error}).") from error
    if len(data) > LARGEST:
        raise InputError(f"{path}: larger than {LARGEST // 1024**2} MiB.")
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise InputError(f"{path}: not UTF-8 ({error}).") from error


def _json_rows(text: str, path: Path) -> list[Any]:
    try:
        value = json.loads(text)
    except RecursionError:
        raise InputError(f"{path}: nested too deeply.") from None
    except json.JSONDecodeError:
        return _json_lines(text, path)
    if isinstance(value, dict):
        lists = [entry for entry in value.values() if isinstance(entry, list)]
        return max(lists, key=len) if lists else [value]
    return value if isinstance(value, list) else [value]


def _json_lines(text: str, path: Path) -> list[Any]:
    rows = []
    for number, line in enumerate(text.splitlines(), start=1):
        if not line.strip():
            continue
        try:
            rows.append(json.loads(line))
        except (json.JSONDecodeError, RecursionError) as error:
            raise InputError(f"{path}:{number}: not valid JSON ({error}).") from None
    return rows


def _item(row: Any) -> str:
    """Return the question of a record, or an empty string."""
    if isinstance(row, str):
        return row.strip()
    if not isinstance(row, dict):
        return ""
    question = next((row[key] for key in QUESTION_KEYS if isinstance(row.get(key), str) and row[key].strip()), "")
    messages = row.get("messages")
    if not question and isinstance(messages, list):
        turns = [turn.get("content") for turn in messages if isinstance(turn, dict) and turn.get("role") == "user"]
        question = " ".join(turn for turn in turns if isinstance(turn, str))
    return str(question).strip()
