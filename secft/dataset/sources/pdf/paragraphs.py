"""Lines to paragraphs: by distance, indentation and style, across columns and pages."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import pairwise
from statistics import median

from secft.dataset.sources.pdf.layout import Area
from secft.dataset.sources.pdf.lines import MARKER, Line
from secft.dataset.sources.pdf.table_text import Table, mark_like_others, table_of
from secft.dataset.sources.pdf.words import plain

_SAME_SIZE = 0.08
_LOOSE = 1.25
"""A distance of lines above this multiple of the usual one separates paragraphs."""
_INDENT = 0.8
"""Heights of a line by which the first line of a paragraph is indented, at least."""
_SHORT = 0.7
"""A line that ends before this part of the column's width may be the last of its paragraph."""
_ENDS = (".", "!", "?", ":", ";")


@dataclass(slots=True)
class Paragraph:
    """Lines that belong together, with the style of the first.

    Attributes:
        lines: cleaned texts.
        first: the first line with its place.
        page: number of the page on which it starts.
        item: it starts with the marker of a list item.
        table: the table that it is, one row a line.
    """

    lines: list[str]
    first: Line
    page: int
    item: bool = False
    table: Table | None = None


def body_size(pages: Iterable[Sequence[Area]]) -> float:
    """Return the font size in which most characters of running text are set; the smaller one if two are equal."""
    sizes: Counter[float] = Counter()
    for areas in pages:
        for area in areas:
            for line in area.lines:
                sizes[line.size] += len(line.text)
    return max(sizes, key=lambda size: (sizes[size], -size), default=0.0)


def paragraphs_of(pages: Sequence[tuple[int, Sequence[Area]]]) -> list[Paragraph]:
    """Return the paragraphs of a document; one that goes on in the next column or on the next page is made whole.

    Args:
        pages: page number and areas in reading order.
    """
    found: list[Paragraph] = []
    for number, areas in pages:
        for area in areas:
            if area.kind == "table":
                table = table_of(area, number, found[-1].table if found else None)
                if table.rows:
                    found.append(Paragraph([], area.lines[0], number, table=table))
                continue
            starts = _area_paragraphs(area, number)
            if found and starts and _goes_on(found[-1], starts[0]):
                found[-1].lines += starts.pop(0).lines
            found += starts
    tables = [paragraph.table for paragraph in found if paragraph.table]
    mark_like_others(tables)
    for paragraph in found:
        if paragraph.table:
            paragraph.lines = paragraph.table.said()
    return [paragraph for paragraph in found if any(line.strip() for line in paragraph.lines)]


def _area_paragraphs(area: Area, page: int) -> list[Paragraph]:
    lines = area.lines
    left, right = min(line.left for line in lines), max(line.right for line in lines)
    usual = _usual_distance(lines)
    found: list[Paragraph] = []
    before: Line | None = None
    for line in lines:
        item = bool(MARKER.match(line.text)) and not line.mono
        if before is None or item or _starts(found[-1], before, line, usual, left + _SHORT * (right - left)):
            found.append(Paragraph([], line, page, item=item))
        found[-1].lines.append(_indented(line, found[-1].first) if line.mono else plain(line.text))
        before = line
    return found


def _usual_distance(lines: Sequence[Line]) -> float:
    """Return the distance of lines within paragraphs, in heights of a line."""
    distances = [(a.bottom - b.bottom) / b.height for a, b in pairwise(lines) if b.height > 0]
    near = [distance for distance in distances if 0.5 < distance < 1.8]
    return min(median(near), 1.45) if near else 1.2


def _starts(paragraph: Paragraph, before: Line, line: Line, usual: float, short: float) -> bool:
    """Whether a line starts a paragraph."""
    if abs(line.size - before.size) > _SAME_SIZE * before.size:
        return True
    if line.mono != before.mono or (line.bold != before.bold and not paragraph.item):
        return True
    distance = (before.bottom - line.bottom) / line.height
    if distance > usual * _LOOSE or distance < 0:
        return True
    if line.mono:
        return False
    moved = (line.left - before.left) / line.height
    if paragraph.item:
        return line.left < paragraph.first.left - 0.5 * line.height
    return before.text.endswith(_ENDS) and (abs(moved) > _INDENT or before.right < short)


def _indented(line: Line, first: Line) -> str:
    """Return a line of code with its indentation, from the width of its characters."""
    width = (line.right - line.left) / max(1, len(line.text))
    spaces = round((line.left - first.left) / width) if width > 0 else 0
    return " " * max(0, min(spaces, 40)) + plain(line.text)


def _goes_on(last: Paragraph, following: Paragraph) -> bool:
    """Whether a paragraph continues the last one of the column or page before."""
    if last.table or following.item or last.first.mono or following.first.mono:
        return False
    if abs(last.first.size - following.first.size) > 0.5 or last.first.bold != following.first.bold:
        return False
    end, start = last.lines[-1], following.lines[0]
    return end.endswith("-") or (not end.endswith(_ENDS) and start[:1].islower())
