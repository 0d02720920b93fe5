"""Rows of a page, and what repeats or only points elsewhere: running headers and footers, tables of contents."""

from __future__ import annotations

import math
import re
from collections import Counter
from collections.abc import Iterable, Sequence
from statistics import median

from secft.dataset.sources.pdf.segments import PdfPage, Segment

LEVEL = 0.6
"""Segments stand in one row if they overlap by at least this part of the lower one's height."""

MARGIN = 0.12
"""Part of the page's height at the top and at the bottom in which headers and footers stand."""
_REPEATS = 3
_OUTERMOST = 3
"""How many rows from either edge may belong to a header or a footer, in documents of three pages or more."""
_PLACE = 4.0
"""Points by which the place of a repeated line may vary."""
_GRIDS = 2
_HEADING = 1.15
"""Larger type than this multiple of the page's usual one is no page number."""

_FIELD = re.compile(r"\s*[^\W\d_][\w /()-]{1,40}:\s+\S")
"""A line that gives something a value."""
_NEARLY_ALL = 0.9
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
Place = tuple[str, int, bool]
"""Text, height, and whether it is the outermost row."""


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


def drop_margins(pages: Sequence[PdfPage]) -> Counter[str]:
    """Take running headers, footers and page numbers off the pages.

    What stands at the same height in the margins goes: in the outermost row if it is there on at least three pages
    (running titles of chapters), in the rows inside of it if it is there on most pages. In the outermost row it may
    differ in its digits, unless it is set like a heading, and a page number on its own goes at once. In documents of
    two pages, two are enough for the outermost row. A line that gives something a value (``Severity: High``) is
    content, and goes only from the outermost row of nearly all pages.

    Returns:
        Text of each line that went -> pages on which it stood; page numbers count as one text.
    """
    depth = _OUTERMOST if len(pages) >= _REPEATS else 1
    margins = [_marginal(page, depth) for page in pages]
    seen = Counter(place for marginal in margins for place in {place for _, places in marginal for place in places})
    gone: Counter[str] = Counter()
    for page, marginal in zip(pages, margins, strict=True):
        drop = set()
        for segment, places in marginal:
            number = len(pages) > 1 and len(places) > _GRIDS and _PAGE_NUMBER.fullmatch(segment.text)
            if number or max(seen[place] for place in places) >= _needed(segment, places, len(pages)):
                drop.add(id(segment))
                gone["#" if number else " ".join(segment.text.split())] += 1
        page.segments = [segment for segment in page.segments if id(segment) not in drop]
    return gone


def _needed(segment: Segment, places: Sequence[Place], pages: int) -> float:
    """Return on how many pages a line of the margin must stand to be a running one."""
    outermost = places[0][2]
    if _FIELD.match(segment.text):
        return max(_REPEATS, _NEARLY_ALL * pages) if outermost else math.inf
    if outermost:
        return min(_REPEATS, max(2, pages))
    return max(_REPEATS, pages // 2 + 1)


def _marginal(page: PdfPage, depth: int) -> list[tuple[Segment, list[Place]]]:
    """Return the segments in the margins of a page, and the places by which they are found on other pages."""
    low, high = MARGIN * page.height, (1 - MARGIN) * page.height
    rows = rows_of(segment for segment in page.segments if segment.bottom < low or segment.top > high)
    top = [row for row in rows if row[0].top > high][:depth]
    bottom = [row for row in rows if row[0].top <= high][: -depth - 1 : -1]
    usual = median(segment.size for segment in page.segments) if page.segments else 0.0
    return [
        (segment, _places(segment, index == 0, segment.size <= _HEADING * usual))
        for side in (top, bottom)
        for index, row in enumerate(side)
        for segment in row
    ]


def _places(segment: Segment, outermost: bool, plain: bool) -> list[Place]:
    """Return what a segment says with its height in two grids, so that none falls between.

    Digits of an outermost row that is set in plain type may vary.
    """
    exact = " ".join(segment.text.split()).casefold()
    grids = (2 * round(segment.bottom / _PLACE), 2 * round(segment.bottom / _PLACE + 0.5) + 1)
    forms = (exact, _NUMBER.sub("0", exact)) if outermost and plain else (exact,)
    return [(said, grid, outermost) for said in forms for grid in grids]


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
