"""Rows of a page, and tables of contents, which only point elsewhere."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence

from secft.dataset.sources.pdf.segments import PdfPage, Segment

LEVEL = 0.6
"""Segments stand in one row if they overlap by at least this part of the lower one's height."""

_FIRST_ROWS = 3
"""Of a page, among which the title of a table of contents stands."""

_LEADER = re.compile(r"(?:\s?[.·…_]){5,}\s*(?:\d{1,4}|[ivxlc]{1,7})?$", re.IGNORECASE)
_LEADER_END = re.compile(r"[.·…_]\s?[\divxlc]{0,7}$", re.IGNORECASE)
_ENTRY = re.compile(r"\D\s*(?:\d{1,4}|[ivxlc]{1,7})$")
_CONTENTS = re.compile(r"(?:table of )?contents|índice|inhalt(?:sverzeichnis)?|table des matières", re.IGNORECASE)

Row = list[Segment]


def rows_of(segments: Iterable[Segment]) -> list[Row]:
    """Return the rows of a page from top to bottom, each from left to right."""
    rows: list[Row] = []
    for segment in sorted(segments, key=lambda item: (-item.bottom, item.left)):
        if rows and level(rows[-1][0], segment):
            rows[-1].append(segment)
        else:
            rows.append([segment])
    for row in rows:
        row.sort(key=lambda item: item.left)
    return rows


def level(one: Segment, other: Segment) -> bool:
    """Whether two segments stand side by side, whatever their sizes."""
    overlap = min(one.top, other.top) - max(one.bottom, other.bottom)
    return overlap >= LEVEL * min(one.height, other.height)


def text_of(row: Row) -> str:
    """Return a row as one line."""
    return " ".join(segment.text for segment in row)


def drop_contents(pages: Sequence[PdfPage]) -> int:
    """Take tables of contents off the pages: lines with leaders, and on such pages every line that ends in a number.

    Returns:
        How many rows went.
    """
    count = 0
    for page in pages:
        rows = rows_of(page.segments)
        lines = [text_of(row) for row in rows]
        leading = [bool(_LEADER_END.search(line) and _LEADER.search(line)) for line in lines]
        leaders = sum(leading)
        titled = any(_CONTENTS.fullmatch(line.strip()) for line in lines[:_FIRST_ROWS])
        entries = sum(1 for line in lines if _ENTRY.search(line))
        whole = leaders >= 3 or (titled and 2 * entries >= len(lines))
        drop: set[int] = set()
        for row, line, dotted in zip(rows, lines, leading, strict=True):
            if dotted or (whole and (_ENTRY.search(line) or _CONTENTS.fullmatch(line.strip()))):
                drop.update(id(segment) for segment in row)
                count += 1
        if drop:
            page.segments = [segment for segment in page.segments if id(segment) not in drop]
    return count
