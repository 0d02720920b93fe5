"""Marks: what stands in a table under the head that it is about, and how that is said."""

from __future__ import annotations

import re
from collections.abc import Sequence

MARK = "●"
"""Stands for a mark that is drawn, or a cell that is filled."""
_SIGNS = "✓✔✅☑✗✘✕✖❌☒☐□■●○◐◑◒◓◉◎•·∙▪▫◆◇★☆×+–—-"
_MARK = re.compile(rf"[{_SIGNS}](?:\s?[{_SIGNS}])*\ufe0f?\*?|[xXoO]", re.UNICODE)
_CODE = re.compile(
    r"(?:[A-Z]{1,2}|[CRUD]{1,4}|R[A-Z]{2})(?:\s?[/,+]\s?[A-Z]{1,2})*[*†]?|\([A-Z]\)|"
    r"(?:yes|no|y|n|n/?a|full|partial|partly|none|sí|si|não|sim|oui|non|ja|nein)",
    re.IGNORECASE,
)
_NOTHING = re.compile(r"[–—\-·]*")
_LONGEST_HEAD = 60
Cells = Sequence[str]


def is_mark(text: str) -> bool:
    """Whether a text is a sign that marks something: a tick, a cross, a dot, ``x``."""
    return text.startswith(f"{MARK} ") or _MARK.fullmatch(text) is not None


def is_code(text: str) -> bool:
    """Whether a text is a mark, or a short answer such as ``R/A`` or ``yes``."""
    return is_mark(text) or (_CODE.fullmatch(text) is not None and (text.isupper() or len(text) > 1))


def marked_columns(rows: Sequence[Cells]) -> list[bool]:
    """Return for each column of a table whether it has a head and nothing but marks or codes below.

    Codes count where two columns or more have nothing else, as in a matrix of roles.

    Args:
        rows: at least one; the first is the head.
    """
    head, body = rows[0], rows[1:]
    columns = [[row[index] for row in body if row[index]] for index in range(len(head))]
    named = [bool(name) and len(name) <= _LONGEST_HEAD and not is_mark(name) for name in head]
    signs = [
        index > 0
        and named[index]
        and any(not _NOTHING.fullmatch(cell) for cell in column)
        and all(map(is_mark, column))
        for index, column in enumerate(columns)
    ]
    coded = [
        index > 0 and named[index] and bool(column) and all(map(is_code, column))
        for index, column in enumerate(columns)
    ]
    several = sum(coded) >= 2
    return [sign or (code and several) for sign, code in zip(signs, coded, strict=True)]


def said(head: Cells, cells: Cells, marked: Sequence[bool]) -> tuple[str, ...]:
    """Return the cells of a row, marks with the head that they stand under: ``L2: ✓``."""
    return tuple(
        f"{name}: {cell}" if mark and cell else cell for name, cell, mark in zip(head, cells, marked, strict=True)
    )
