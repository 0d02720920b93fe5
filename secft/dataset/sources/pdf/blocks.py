"""Lines to blocks: paragraphs, list items, headings by size and weight, tables, code."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from statistics import median

from secft.dataset.chunk import Block
from secft.dataset.sources.pdf.layout import MARKER, Area, Line
from secft.dataset.sources.pdf.words import Vocabulary, plain

_LARGER = 1.12
"""Text above this multiple of the body's size is a heading."""
_SAME_SIZE = 0.08
_LOOSE = 1.25
"""A distance of lines above this multiple of the usual one separates paragraphs."""
_INDENT = 0.8
"""Heights of a line by which the first line of a paragraph is indented, at least."""
_SHORT = 0.7
"""A line that ends before this part of the column's width may be the last of its paragraph."""
_LEVELS = 5
_LONG_HEAD = 40
_LONG_HEADING, _LONG_BOLD_HEADING = 160, 100
_NUMBERED = re.compile(r"(?:[A-Z]\.?)?\d+(?:\.\d+)*\.?\s+\S")
_NOT_A_HEADING = re.compile(r"[{}=<>;]|://|[.,;]$")
_BULLET = re.compile(r"^(?![\w(])" + MARKER.pattern + r"\s*")
_ENDS = (".", "!", "?", ":", ";")


@dataclass(slots=True)
class Paragraph:
    """Lines that belong together, with the style of the first.

    Attributes:
        lines: cleaned texts.
        first: the first line with its place.
        page: number of the page on which it starts.
        table: it is a table; its lines are rows.
        item: it starts with the marker of a list item.
        head: the first row of a table names its columns.
    """

    lines: list[str]
    first: Line
    page: int
    table: bool = False
    item: bool = False
    head: bool = False


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
                found.append(_table(area, number, found))
                continue
            starts = _area_paragraphs(area, number)
            if found and starts and _goes_on(found[-1], starts[0]):
                found[-1].lines += starts.pop(0).lines
            found += starts
    return [paragraph for paragraph in found if any(line.strip() for line in paragraph.lines)]


def _table(area: Area, page: int, found: list[Paragraph]) -> Paragraph:
    """Return a table; one that goes on from the page before gets the head of that one."""
    rows = [" | ".join(plain(cell) for cell in line.cells) for line in area.lines]
    last = found[-1] if found else None
    head = _has_head(area.lines)
    follows = last is not None and last.head and last.page == page - 1
    if last and follows and not head and len(last.first.cells) == len(area.lines[0].cells):
        rows, head = [last.lines[0], *rows], True
    return Paragraph(rows, area.lines[0], page, table=True, head=head)


def _has_head(lines: Sequence[Line]) -> bool:
    """Whether the first row of a table names its columns: it alone is bold, or it is short and complete."""
    first, others = lines[0], lines[1:]
    if not others or not all(cell and not cell.isdigit() for cell in first.cells):
        return False
    if first.bold and not others[0].bold:
        return True
    short = max(len(cell) for cell in first.cells) <= _LONG_HEAD
    return short and 2 * len(first.text) < max(len(line.text) for line in others)


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


def blocks_of(paragraphs: Sequence[Paragraph], body: float, vocabulary: Vocabulary) -> list[Block]:
    """Return the blocks of a document: headings with levels by size, the largest first.

    Args:
        paragraphs: of the whole document, in reading order.
        body: size of the running text in points.
        vocabulary: the document's words.
    """
    headings = [_heading_size(paragraph, body) for paragraph in paragraphs]
    sizes = sorted({size for size in headings if size}, reverse=True)
    levels = {size: min(index, _LEVELS) for index, size in enumerate(_merged(sizes), start=1)}
    levels = {size: levels[max(rank for rank in levels if rank - size < 0.75 and rank >= size)] for size in sizes}
    blocks: list[Block] = []
    for paragraph, size in zip(paragraphs, headings, strict=True):
        block = _block(paragraph, levels[size] if size else 0, vocabulary)
        last = blocks[-1] if blocks else None
        if (
            last
            and last.kind == block.kind
            and ((block.kind == "list" and not paragraph.table) or (block.kind == "code" and last.page == block.page))
        ):
            blocks[-1] = replace(last, text=f"{last.text}\n{block.text}")
        else:
            blocks.append(block)
    return blocks


def without_title(blocks: Sequence[Block]) -> tuple[str, list[Block]]:
    """Take the title of a document, and what else the title page sets in larger type than any later heading.

    Returns:
        The title, empty if there is none, and the blocks without it; other lines of the title page become text.
    """
    title = ""
    kept = list(blocks)
    for index, block in enumerate(blocks):
        later = [other.level for other in blocks[index + 1 :] if other.kind == "heading"]
        if block.kind != "heading" or not later or min(later) <= block.level:
            break
        title = title or block.text
        kept[index] = replace(block, kind="text", level=0)
    return title, kept[1:] if title else kept


def _merged(sizes: Sequence[float]) -> list[float]:
    """Return sizes from large to small without those that differ by less than three quarters of a point."""
    kept: list[float] = []
    for size in sizes:
        if not kept or kept[-1] - size >= 0.75:
            kept.append(size)
    return kept


def _heading_size(paragraph: Paragraph, body: float) -> float:
    """Return the size of a heading, 0 for everything else; a bold heading counts as a little above the body."""
    text, first = " ".join(paragraph.lines), paragraph.first
    if paragraph.table or first.mono or not any(character.isalpha() for character in text):
        return 0.0
    marked = paragraph.item and not _NUMBERED.match(text)
    if first.size >= _LARGER * body and len(text) <= _LONG_HEADING and len(paragraph.lines) <= 3 and not marked:
        return 0.0 if text.endswith(",") else first.size
    bold = first.bold and first.size >= 0.95 * body and not marked
    if bold and len(text) <= _LONG_BOLD_HEADING and len(paragraph.lines) <= 2 and not _NOT_A_HEADING.search(text):
        return max(first.size, body + 0.25) if not text.endswith(":") or len(text) <= 40 else 0.0
    return 0.0


def _block(paragraph: Paragraph, level: int, vocabulary: Vocabulary) -> Block:
    page = paragraph.page
    if paragraph.table:
        # A list is cut between lines too, but its first one is not repeated.
        return Block("table" if paragraph.head else "list", "\n".join(paragraph.lines), page=page)
    if paragraph.first.mono:
        return Block("code", "\n".join(paragraph.lines), page=page)
    text = vocabulary.paragraph(paragraph.lines)
    if level:
        return Block("heading", text.rstrip(":"), level, page)
    return Block("list", _BULLET.sub("- ", text), page=page) if paragraph.item else Block("text", text, page=page)
