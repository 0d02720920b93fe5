"""Paragraphs to blocks: headings by size and weight, list items, tables, code; the title of the document."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import replace

from secft.dataset.chunk import TextBlock
from secft.dataset.sources.pdf.lines import MARKER
from secft.dataset.sources.pdf.margins import is_furniture
from secft.dataset.sources.pdf.paragraphs import Paragraph
from secft.dataset.sources.pdf.words import DocumentWords

_LARGER = 1.12
"""Text above this multiple of the body's size is a heading."""
_LEVELS = 5
_LONG_HEADING, _LONG_BOLD_HEADING = 160, 100
_NUMBERED = re.compile(r"(?:[A-Z]\.?)?\d+(?:\.\d+)*\.?\s+\S")
_NOT_A_HEADING = re.compile(r"[{}=<>;]|://|[.,;]$")
_BULLET = re.compile(r"^(?![\w(])" + MARKER.pattern + r"\s*")


def blocks_of(paragraphs: Sequence[Paragraph], body: float, vocabulary: DocumentWords) -> list[TextBlock]:
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
    blocks: list[TextBlock] = []
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


def without_title(blocks: Sequence[TextBlock]) -> tuple[str, list[TextBlock]]:
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
    if paragraph.table or first.mono or not any(character.isalpha() for character in text) or is_furniture(text):
        return 0.0
    marked = paragraph.item and not _NUMBERED.match(text)
    if first.size >= _LARGER * body and len(text) <= _LONG_HEADING and len(paragraph.lines) <= 3 and not marked:
        return 0.0 if text.endswith(",") else first.size
    bold = first.bold and first.size >= 0.95 * body and not marked
    if bold and len(text) <= _LONG_BOLD_HEADING and len(paragraph.lines) <= 2 and not _NOT_A_HEADING.search(text):
        return max(first.size, body + 0.25) if not text.endswith(":") or len(text) <= 40 else 0.0
    return 0.0


def _block(paragraph: Paragraph, level: int, vocabulary: DocumentWords) -> TextBlock:
    page = paragraph.page
    if paragraph.table:
        # A list is cut between lines too, but its first one is not repeated.
        return TextBlock("table" if paragraph.table.head else "list", "\n".join(paragraph.lines), page=page)
    if paragraph.first.mono:
        return TextBlock("code", "\n".join(paragraph.lines), page=page)
    text = vocabulary.paragraph(paragraph.lines)
    if level:
        return TextBlock("heading", text.rstrip(":"), level, page)
    return (
        TextBlock("list", _BULLET.sub("- ", text), page=page) if paragraph.item else TextBlock("text", text, page=page)
    )
