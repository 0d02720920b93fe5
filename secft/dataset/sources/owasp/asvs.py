"""Requirements of OWASP's Application Security Verification Standard: Markdown, JSON (nested or flat) or CSV.

Version 5 says one level for each requirement; version 4 marks the levels L1 to L3, of which the lowest counts.
"""

from __future__ import annotations

import csv
import io
import json
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from secft.dataset.chunk import TextBlock
from secft.dataset.sources.reading.json_values import clean, mapping, mappings, string
from secft.security.identifiers import numbered_cwes

_NUMBER = re.compile(r"V?(\d{1,2}\.\d{1,2}\.\d{1,2})")
_CHAPTER = re.compile(r"V(\d{1,2})[:.]?\s+(.+)")
_SECTION = re.compile(r"V(\d{1,2}\.\d{1,2})[:.]?\s+(.+)")
_LEVELS = ("1", "2", "3")
_MARKS = ("✓", "✔", "x", "true", "required", "o")
_DELETED = re.compile(r"^\[?(deleted|moved|grammar only)\b", re.IGNORECASE)


class BadCatalogue(ValueError):
    """A JSON or CSV file holds no requirements of ASVS."""


@dataclass(frozen=True)
class Requirement:
    """One requirement.

    Attributes:
        number: for example ``1.2.3``.
        description: what to verify.
        level: 1 to 3, or 0 where none is said.
        chapter: for example ``V1 Encoding and Sanitization``.
        section: for example ``V1.2 Injection Prevention``.
        cwes: weaknesses it guards against (version 4).
        old: it is of version 4, whose numbers mean other requirements than those of version 5.
    """

    number: str
    description: str
    level: int
    chapter: str
    section: str
    cwes: tuple[str, ...] = ()
    old: bool = False


def _marked(value: object) -> bool:
    return value is True or (isinstance(value, str) and value.strip().lower() in _MARKS)


def _level(row: Mapping[str, object]) -> int:
    """Return the level of a row whose keys are lower case: ``level`` or ``l``, or marks in ``l1`` to ``l3``."""
    for key in ("level", "l"):
        value = str(row.get(key) or "").strip().removeprefix("L")
        if value in _LEVELS:
            return int(value)
    marks = [level for level in _LEVELS if _marked(row.get(f"l{level}")) or _marked(row.get(f"level{level}"))]
    return int(marks[0]) if marks else 0


def _requirement(row: Mapping[str, object], number: str, description: str, chapter: str, section: str) -> Requirement:
    old = not ("level" in row or "l" in row)
    text = " ".join(clean(description).split())
    return Requirement(number, text, _level(row), chapter, section, numbered_cwes(row.get("cwe")), old)


def is_usable(requirement: Requirement) -> bool:
    """Say whether a requirement says something; version 4 keeps rows of deleted and moved ones."""
    return len(requirement.description) > 10 and not _DELETED.match(requirement.description)


def _rows(table: str) -> Iterator[dict[str, str]]:
    """Yield the rows of a table of requirements, keys in lower case; nothing if it is another table."""
    head, *rows = table.split("\n")
    keys = [key.strip().lower() for key in head.split(" | ")]
    if keys[:2] != ["#", "description"]:
        return
    for row in rows:
        yield dict(zip(keys, (cell.strip() for cell in row.split(" | ")), strict=False))


def split_markdown(blocks: Sequence[TextBlock]) -> tuple[list[Requirement], list[TextBlock]]:
    """Return the requirements of a chapter of ASVS, and the blocks that are no tables of requirements."""
    found: list[Requirement] = []
    rest: list[TextBlock] = []
    chapter = section = ""
    for block in blocks:
        rows = list(_rows(block.text)) if block.kind == "table" else []
        numbers = [_NUMBER.fullmatch(row.get("#", "")) for row in rows]
        if not chapter or not any(numbers):
            rest.append(block)
        for row, number in zip(rows, numbers, strict=True):
            if number and chapter:
                found.append(_requirement(row, number[1], row.get("description", ""), chapter, section))
        if block.kind == "heading":
            if _CHAPTER.fullmatch(block.text):
                chapter, section = block.text.replace(":", "", 1), ""
            elif _SECTION.fullmatch(block.text):
                section = block.text
    return found, rest


def _nested(catalogue: dict[str, Any]) -> Iterator[Requirement]:
    for chapter in mappings(catalogue, "Requirements"):
        for section in mappings(chapter, "Items"):
            for item in mappings(section, "Items"):
                number = _NUMBER.fullmatch(string(item, "Shortcode"))
                if number is None:
                    continue
                row = {key.lower(): value for key, value in item.items()}
                for level in _LEVELS:
                    row[f"l{level}"] = mapping(item, f"L{level}").get("Required")
                names = [f"{string(part, 'Shortcode')} {string(part, 'Name')}".strip() for part in (chapter, section)]
                yield _requirement(row, number[1], string(item, "Description"), *names)


def _flat(rows: Sequence[Mapping[str, Any]]) -> Iterator[Requirement]:
    for item in rows:
        row = {str(key).lower(): value for key, value in item.items()}
        number = _NUMBER.fullmatch(string(row, "req_id"))
        if number is None:
            continue
        names = [
            f"{string(row, f'{part}_id')} {string(row, f'{part}_name')}".strip() for part in ("chapter", "section")
        ]
        yield _requirement(row, number[1], string(row, "req_description"), *names)


def read_catalogue(text: str, suffix: str) -> list[Requirement]:
    """Return the requirements of a JSON or CSV file.

    Args:
        text: its content.
        suffix: ``.json`` or ``.csv``.

    Raises:
        BadCatalogue: it holds none.
    """
    try:
        if suffix == ".csv":
            found = list(_flat(list(csv.DictReader(io.StringIO(text), strict=True))))
        else:
            content = json.loads(text)
            catalogue = content if isinstance(content, dict) else {}
            found = [*_nested(catalogue), *_flat(mappings(catalogue, "requirements"))]
    except (ValueError, RecursionError, csv.Error) as error:
        raise BadCatalogue(str(error)) from None
    if not found:
        raise BadCatalogue("holds no requirement with an id such as V1.2.3")
    return found
