"""What runs through the pages: headers, footers and page numbers."""

from __future__ import annotations

import math
import re
from collections import Counter
from collections.abc import Sequence
from statistics import median

from secft.dataset.sources.pdf.rows import Row, rows_of
from secft.dataset.sources.pdf.segments import PdfPage, Segment

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
_NEARLY_ALL, _MOST = 0.9, 0.7
_PAGE_WORDS = r"page|pg\.?|p\.|página|pagina|pág\.?|seite|blatt|folha|hoja|sida|side|strona|стр\.?|страница"
_OF = r"/|\||of|out of|de|von|sur|di|av|af|van|z|из"
_COUNT = rf"(?:\d{{1,4}}|[ivxlc]{{1,7}})(?:\s*(?:{_OF})\s*\d{{1,4}})?"
_AROUND = r"[\s|–—\-\[\]()]*"
_PAGE_NUMBER = re.compile(rf"{_AROUND}(?:{_PAGE_WORDS})?\s*{_COUNT}{_AROUND}", re.IGNORECASE)
_NAMED_NUMBER = re.compile(rf"{_AROUND}(?:{_PAGE_WORDS})\s*{_COUNT}{_AROUND}", re.IGNORECASE)
"""A page number that says what it is, wherever it stands."""
_COUNTED_NUMBER = re.compile(rf"{_AROUND}(\d{{1,4}})\s*(?:{_OF})\s*(\d{{1,4}}){_AROUND}", re.IGNORECASE)
_NUMBER_WITHIN = re.compile(rf"\b(?:{_PAGE_WORDS})\s*{_COUNT}|\b\d{{1,4}}\s*(?:{_OF})\s*\d{{1,4}}\b", re.IGNORECASE)
_NOTICE = re.compile(
    r"(?:.{0,40}\W)?(?:strictly |company |commercial[- ]in[- ]|highly |streng )?"
    r"(?:confidential|confidencial|confidentiel|vertraulich|riservato|proprietary|tlp:\s?\w+(?:\+\w+)?|"
    r"(?:for )?internal use only|uso interno|all rights reserved|"
    r"(?:©|\(c\)|copyright\s+(?:©|\(c\)|\d)) ?.{0,60})(?:\W.{0,40})?",
    re.IGNORECASE,
)
_NUMBER = re.compile(r"(?<![^\W\d_])\d+")
"""Digits that may differ from page to page; those of ``A1`` and ``V2`` say what a page is about."""
_ALONE = re.compile(rf"{_AROUND}([0-9]{{1,4}}){_AROUND}")
_CLOSE, _NEAR = 2.0, 8.0
"""Heights of a line, within which the rows of a table follow each other, and begin."""
_ALIGNED = 4.0
"""Points between edges of cells of one column."""

Place = tuple[str, int, bool]
"""Text, height, and whether it is the outermost row."""


def is_furniture(text: str) -> bool:
    """Whether a line is a page number or a notice, wherever it stands: ``Page 2 of 25``, ``Strictly confidential``."""
    counted = _COUNTED_NUMBER.fullmatch(text)
    if counted and int(counted[1]) <= int(counted[2]):
        return True
    return bool(_NAMED_NUMBER.fullmatch(text) or (len(text) <= 60 and _NOTICE.fullmatch(text) and text.count(" ") < 6))


def drop_margins(pages: Sequence[PdfPage]) -> Counter[str]:
    """Take running headers, footers and page numbers off the pages.

    What stands at the same height in the margins goes: in the outermost row if it is there on at least three pages
    (running titles of chapters), in the rows inside of it if it is there on most pages. In the outermost row it may
    differ in its digits, unless it is set like a heading, and a page number on its own goes at once; one that says
    what it is (``Page 2 of 25``) goes from every row of the margins. In documents of two pages, two are enough. A line
    that gives something a value (``Severity: High``) is content, and goes only from the outermost row of nearly all
    pages. Rows of tables stay.

    Returns:
        Text of each line that went -> pages on which it stood; page numbers count as one text.
    """
    depth = _OUTERMOST if len(pages) >= _REPEATS else 2
    margins = [_marginal(page, depth) for page in pages]
    seen = Counter(place for marginal in margins for place in {place for _, places, _ in marginal for place in places})
    shifts = Counter(
        shift
        for page, marginal in zip(pages, margins, strict=True)
        for shift in {_shift(segment, page) for segment, _, _ in marginal} - {math.inf}
    )
    gone: Counter[str] = Counter()
    for page, marginal in zip(pages, margins, strict=True):
        drop = _named_numbers(page)
        gone["#"] += len(drop)
        for segment, places, cell in marginal:
            on = max(seen[place] for place in places)
            follows = len(pages) > 1 and shifts[_shift(segment, page)] > _MOST * len(pages)
            number = follows or (not cell and _is_number(segment.text, places, on, len(pages)))
            notice = len(pages) == 1 and places[0][2] and _NOTICE.fullmatch(segment.text)
            runs = not cell and on >= _needed(segment, places, len(pages))
            if id(segment) not in drop and (number or notice or runs):
                drop.add(id(segment))
                gone["#" if number else " ".join(segment.text.split())] += 1
        page.segments = [segment for segment in page.segments if id(segment) not in drop]
    return +gone


def _named_numbers(page: PdfPage) -> set[int]:
    """Return page numbers that say what they are and stand alone in one of the first or last rows."""
    rows = rows_of(page.segments)
    ends = [*rows[:_OUTERMOST], *rows[-_OUTERMOST:]]
    return {id(row[0]) for row in ends if len(row) == 1 and _NAMED_NUMBER.fullmatch(row[0].text)}


def _shift(segment: Segment, page: PdfPage) -> float:
    """Return by how much a number differs from that of its page; infinity for other texts."""
    alone = _ALONE.fullmatch(segment.text)
    return int(alone[1]) - page.number if alone else math.inf


def _is_number(text: str, places: Sequence[Place], on: int, pages: int) -> bool:
    """Whether a text of a margin, which stands on so many pages but for its digits, is the number of its page."""
    if _NAMED_NUMBER.fullmatch(text):
        return True
    if _COUNTED_NUMBER.fullmatch(text):
        return pages == 1 or on > pages // 2
    return pages > 1 and len(places) > _GRIDS and _PAGE_NUMBER.fullmatch(text) is not None


def _needed(segment: Segment, places: Sequence[Place], pages: int) -> float:
    """Return on how many pages a line of the margin must stand to be a running one."""
    outermost = places[0][2]
    if _FIELD.match(segment.text):
        return max(_REPEATS, _NEARLY_ALL * pages) if outermost else math.inf
    if outermost or pages == 2:
        return min(_REPEATS, max(2, pages))
    return max(_REPEATS, pages // 2 + 1)


def _marginal(page: PdfPage, depth: int) -> list[tuple[Segment, list[Place], bool]]:
    """Return the segments in the margins of a page, and the places by which they are found on other pages.

    Of what stands in the cells of a table, which is told with it, only numbers are returned.
    """
    low, high = MARGIN * page.height, (1 - MARGIN) * page.height
    whole = rows_of(page.segments)
    cells = _cells(page, whole)
    rows = [row for row in whole if row[0].bottom < low or row[0].top > high]
    top = [row for row in rows if row[0].top > high][:depth]
    bottom = [row for row in rows if row[0].top <= high][: -depth - 1 : -1]
    usual = median(segment.size for segment in page.segments) if page.segments else 0.0
    return [
        (segment, _places(segment, index == 0, segment.size <= _HEADING * usual), id(segment) in cells)
        for side in (top, bottom)
        for index, row in enumerate(side)
        for segment in row
        if id(segment) not in cells or _PAGE_NUMBER.fullmatch(segment.text)
    ]


def _cells(page: PdfPage, rows: Sequence[Row]) -> set[int]:
    """Return what stands in tables that reach out of the margins: in drawn ones, or in line with rows nearby."""
    low, high = MARGIN * page.height, (1 - MARGIN) * page.height
    grids = [grid for grid in page.grids if len(grid.ys) > 2 and grid.bottom < high and grid.top > low]
    found = {
        id(segment)
        for segment in page.segments
        if any(g.bottom <= segment.middle <= g.top and g.left <= segment.left <= g.right for g in grids)
    }
    for way, side in ((1, rows), (-1, rows[::-1])):
        for index, row in enumerate(side[: 2 * _OUTERMOST]):
            before = side[index - 1] if index else []
            goes_on = before and id(before[0]) in found and _rest_of(before, row)
            if goes_on or (len(row) > 2 and _in_line(row, side[index + 1 : index + 1 + int(_NEAR)], way)):
                found.update(id(segment) for segment in row)
    return found


def _rest_of(before: Row, row: Row) -> bool:
    """Whether a row holds further lines of cells of the row next to it."""
    apart = max(before[0].bottom - row[0].top, row[0].bottom - before[0].top)
    return apart < row[0].height and all(any(_aligned(one, cell) for cell in before) for one in row)


def _in_line(row: Row, following: Sequence[Row], way: int) -> bool:
    """Whether two cells of a row, besides its first, stand in line with cells of a row that follows closely."""
    height = max(segment.height for segment in row)
    for index, other in enumerate(following):
        apart = row[0].bottom - other[0].top if way > 0 else other[0].bottom - row[0].top
        if apart > (_NEAR if index else _CLOSE) * height:
            return False
        aligned = sum(any(_aligned(cell, one) for one in other) for cell in row[1:])
        if aligned >= 2:
            return True
    return False


def _aligned(one: Segment, other: Segment) -> bool:
    middles = abs(one.left + one.right - other.left - other.right) / 2
    return min(abs(one.left - other.left), abs(one.right - other.right), middles) < _ALIGNED


def _places(segment: Segment, outermost: bool, plain: bool) -> list[Place]:
    """Return what a segment says with its height in two grids, so that none falls between.

    Digits of an outermost row that is set in plain type may vary, and page numbers in every row.
    """
    exact = " ".join(segment.text.split()).casefold()
    grids = (2 * round(segment.bottom / _PLACE), 2 * round(segment.bottom / _PLACE + 0.5) + 1)
    forms = [exact]
    if outermost and plain:
        forms.append(_NUMBER.sub("0", exact))
    if _NUMBER_WITHIN.search(exact):
        forms.append(_NUMBER_WITHIN.sub("#", exact))
    return [(said, grid, outermost) for said in forms for grid in grids]
