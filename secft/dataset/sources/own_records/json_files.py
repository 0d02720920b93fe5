"""Records of a file of JSON: one object a line, one array, or objects over several lines, in any Unicode encoding."""

from __future__ import annotations

import json
from collections.abc import Iterator
from itertools import chain
from pathlib import Path
from typing import Any

from secft.dataset.sources.reading.bad_record import BadRecordError
from secft.dataset.sources.reading.input_files import UnreadableInputError, opened, read_input, read_lines
from secft.errors import InputError
from secft.reasons import Reason

MAX_LINE = 4 << 20
"""Longest line in bytes; longer ones are rejected without being held in memory."""
MAX_WHOLE = 1 << 28
"""Most bytes of a file that is no JSONL, which is held in memory as a whole (256 MiB)."""
_LISTS = ("data", "rows", "examples", "train")
"""Keys under which an object that is a whole file holds its records."""

Record = tuple[str, int, dict[str, Any] | BadRecordError]
"""Where a record stands (``line 7``), its number from 1, and the record or why it is none."""


def json_records(path: Path, expected: str) -> Iterator[Record]:
    """Yield the records of a file, plain or gzipped.

    Raises:
        InputError: missing, unreadable, empty, truncated, too large, or not in the encoding that its first bytes name.
    """
    encoding = _encoding(path, expected)
    if encoding != "utf-8":
        yield from _of_text(_decoded(path, encoding, expected))
        return
    lines = read_lines(path, expected, MAX_LINE)
    first = next(lines)
    if _opens_more(first[1]):
        try:
            whole = _whole(read_input(path, expected, MAX_WHOLE).decode("utf-8-sig"))
        except (UnicodeDecodeError, UnreadableInputError):
            whole = None
        if whole is not None:
            yield from _records(whole)
            return
    for number, line in chain([first], lines):
        yield _of_line(number, line)


def _encoding(path: Path, expected: str) -> str:
    with opened(path, expected) as stream:
        head = stream.read(4)
    found = json.detect_encoding(head) if head else "utf-8"
    return "utf-8" if found.startswith("utf-8") else found


def _decoded(path: Path, encoding: str, expected: str) -> str:
    try:
        return read_input(path, expected, MAX_WHOLE).decode(encoding, "surrogatepass").removeprefix("\ufeff")
    except UnicodeDecodeError as error:
        raise InputError(f"{path}: not {encoding} ({error.reason}); expected {expected}.") from None


def _of_text(text: str) -> Iterator[Record]:
    """Yield the records of a text that is in memory already."""
    lines = [(number, line) for number, line in enumerate(text.split("\n"), start=1) if line.strip()]
    whole = _whole(text) if lines and _opens_more(lines[0][1].encode("utf-8", "replace")) else None
    if whole is not None:
        yield from _records(whole)
        return
    for number, line in lines:
        yield _of_line(number, line.encode("utf-8", "surrogatepass"))


def _opens_more(line: bytes | None) -> bool:
    """Tell whether a first line is the beginning of something longer, or an array."""
    if line is None:
        return True
    if line.lstrip()[:1] == b"[":
        return True
    return line.lstrip()[:1] == b"{" and isinstance(_parsed(line), BadRecordError)


def _whole(text: str) -> list[Any] | None:
    """Return the records of a text that is one array, one object, or objects one after the other; None if it is not."""
    decoder, at = json.JSONDecoder(object_pairs_hook=_object), 0
    found: list[Any] = []
    try:
        while at < len(text):
            if text[at].isspace() or (found and text[at] == ","):
                at += 1
                continue
            value, at = decoder.raw_decode(text, at)
            found.append(value)
    except (ValueError, RecursionError):
        return None
    if len(found) == 1 and isinstance(found[0], list):
        return found[0]
    if len(found) == 1 and isinstance(found[0], dict):
        inner = next((found[0][key] for key in _LISTS if isinstance(found[0].get(key), list)), None)
        return found if inner is None or not all(isinstance(item, dict) for item in inner) else inner
    return found if found and all(isinstance(item, dict) for item in found) else None


def _records(values: list[Any]) -> Iterator[Record]:
    for number, value in enumerate(values, start=1):
        yield f"record {number}", number, _checked(value)


def _of_line(number: int, line: bytes | None) -> Record:
    if line is None:
        return f"line {number}", number, BadRecordError(Reason("record.too_long", f"{MAX_LINE:,}"))
    return f"line {number}", number, _parsed(line)


def _parsed(line: bytes) -> dict[str, Any] | BadRecordError:
    try:
        return _checked(json.loads(line.decode("utf-8", "surrogatepass"), object_pairs_hook=_object))
    except BadRecordError as error:
        return error
    except UnicodeDecodeError:
        return BadRecordError(Reason("record.not_utf8"))
    except json.JSONDecodeError:
        return BadRecordError(Reason("record.not_json"))
    except (ValueError, RecursionError) as error:
        long_number = isinstance(error, ValueError) and "digits" in str(error)
        return BadRecordError(Reason("record.long_number") if long_number else Reason("record.not_json"))


def _checked(value: Any) -> dict[str, Any] | BadRecordError:
    if value is None:
        return BadRecordError(Reason("record.empty"))
    return value if isinstance(value, dict) else BadRecordError(Reason("record.not_object"))


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise BadRecordError(Reason("record.repeated_key"))
    return found
