"""Lines as they are read, and the markers of list items."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace

from secft.dataset.sources.pdf.marks import is_mark
from secft.dataset.sources.pdf.rows import Row, text_of
from secft.dataset.sources.pdf.segments import Segment

MARKER = re.compile(r"(?:[•‣▪◦●○■□❏❑✓✔➢➤►\-–—*+\uf0a7\uf0b7\uf0d8]|\(?(?:\d{1,2}|[a-zA-Z]|[ivx]{2,4})[.)])(?=\s|$)")
"""What a list item starts with."""
_SHORT_CELL = 12
"""Characters of a word after a mark, up to which it is rather the next cell of a table."""
FAR = 0.8
"""Free height, in heights of a line, that separates what is below."""


@dataclass(slots=True)
class Line:
    """One line as it is read: of running text, or one row of a table with its cells."""

    text: str
    left: float
    right: float
    bottom: float
    top: float
    size: float
    bold: bool
    mono: bool
    cells: tuple[str, ...] = ()

    @property
    def height(self) -> float:
        """Height of the line."""
        return self.top - self.bottom


def with_markers(row: Row) -> Row:
    """Put the marker of a list item and the item into one segment."""
    joined: Row = []
    for segment in row:
        last = joined[-1] if joined else None
        if last and _opens_item(last, segment, first=len(joined) == 1):
            words = (*last.words, *segment.words) if last.words and segment.words else ()
            text = f"{last.text} {segment.text}"
            joined[-1] = replace(segment, text=text, left=last.left, order=last.order, words=words)
        else:
            joined.append(segment)
    return joined


def _opens_item(marker: Segment, segment: Segment, first: bool) -> bool:
    """Whether a segment is the marker of the one beside it, and not a mark in a column of its own."""
    if not MARKER.fullmatch(marker.text) or segment.left - marker.right >= 4 * segment.height:
        return False
    short = len(segment.text) <= _SHORT_CELL and " " not in segment.text
    return not is_mark(segment.text) and (first or marker.text[-1] in ".)" or not short)


def line_of(row: Row) -> Line:
    """Return a row as a line, in the style of its longest segment."""
    whole = max(row, key=lambda segment: segment.right - segment.left)
    return Line(
        text_of(row),
        row[0].left,
        max(segment.right for segment in row),
        min(segment.bottom for segment in row),
        max(segment.top for segment in row),
        whole.size,
        all(segment.bold for segment in row),
        all(segment.mono for segment in row),
    )
