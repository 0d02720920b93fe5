"""Rows of a page, and what repeats or only points elsewhere: running headers and footers, tables of contents."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Sequence

from secft.dataset.sources.pdf.segments import Page, Segment

LEVEL = 0.6
"""Segments stand in one row if they overlap by at least this part of the lower one's height."""

MARGIN = 0.12
"""Part of the page's height at the top and at the bottom in which headers and footers stand."""
_REPEATS = 3
_OUTERMOST = 3
"""How many rows from either edge may belong to a header or a footer."""
_PLACE = 4.0
"""Points by which the place of a repeated line may vary."""

_PAGE_NUMBER = re.compile(
    r"[\s|–—\-\[(]*(?:page|seite|página|p\.)?\s*(?:\d{1,4}|[ivxlc]{1,7})(?:\s*(?:/|of|de|von)\s*\d{1,4})?[\s|–—\-\])]*",
    re.IGNORECASE,
)
_NUMBER = re.compile(r"(?<![^\W\d_])\d+")
"""Digits that may differ from page to page; those of ``A1`` and ``V2`` say what a page is about."""
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


def drop_margins(pages: Sequence[Page]) -> int:
    """Take running headers, footers and page numbers off the pages.

    What repeats at the same height in the margins of at least three pages goes, digits apart; so does a number on its
    own in the outermost row. In documents of two pages, two are enough.

    Returns:
        How many segments went.
    """
    margins = [_margin_rows(page) for page in pages]
    seen: Counter[tuple[str, int]] = Counter()
    for rows in margins:
        seen.update({place for row in rows for segment in row for place in _places(segment)})
    needed = min(_REPEATS, max(2, len(pages)))
    count = 0
    for page, rows in zip(pages, margins, strict=True):
        drop = {
            id(segment)
            for index, row in enumerate(rows)
            for segment in row
            if max(seen[place] for place in _places(segment)) >= needed
            or (len(pages) > 1 and (index == 0 or index == len(rows) - 1) and _PAGE_NUMBER.fullmatch(segment.text))
        }
        page.segments = [segment for segment in page.segments if id(segment) not in drop]
        count += len(drop)
    return count


def _margin_rows(page: Page) -> list[Row]:
    low, high = MARGIN * page.height, (1 - MARGIN) * page.height
    edge = [segment for segment in page.segments if segment.bottom < low or segment.top > high]
    rows = rows_of(edge)
    top = [row for row in rows if row[0].top > high][:_OUTERMOST]
    bottom = [row for row in rows if row[0].top <= high][-_OUTERMOST:]
    return top + bottom


def _places(segment: Segment) -> tuple[tuple[str, int], tuple[str, int]]:
    """Return what a segment says, digits apart, with its height in two grids, so that none falls between."""
    said = _NUMBER.sub("0", " ".join(segment.text.split()).casefold())
    return (said, 2 * round(segment.bottom / _PLACE)), (said, 2 * round(segment.bottom / _PLACE + 0.5) + 1)


def drop_contents(pages: Sequence[Page]) -> int:
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
        titled = any(_CONTENTS.fullmatch(line.strip()) for line in lines[:_OUTERMOST])
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
