"""Reading order: columns are read down, tables across, everything else from top to bottom."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from statistics import mean, median
from typing import Literal

from secft.dataset.sources.pdf.rows import Row, level, rows_of, text_of
from secft.dataset.sources.pdf.segments import Segment

_GUTTER = 0.4
"""Least width of the free strip between columns, in heights of a line."""
_DEEPEST = 4
"""Columns within columns."""
_MOST_COLUMNS = 3
"""Of text; more are a table."""
_SHORT_CELL = 15
"""Characters of a line, on average, below which aligned columns are a table whatever their order."""
_FAR = 0.8
"""Free height, in heights of a line, that separates what is below."""
_RESIZED = 1.6
"""Rows whose font sizes differ by more than this factor are no columns together."""
_INFINITY = float("inf")
MARKER = re.compile(r"(?:[•‣▪◦●○■□❏❑✓✔➢➤►\-–—*+\uf0a7\uf0b7\uf0d8]|\(?(?:\d{1,2}|[a-zA-Z]|[ivx]{2,4})[.)])(?=\s|$)")
"""What a list item starts with."""

Gap = tuple[float, float]


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


@dataclass(slots=True)
class Area:
    """Lines that belong together: a column, a table, or what stands across the page."""

    kind: Literal["text", "table"]
    lines: list[Line]


def areas_of(segments: Sequence[Segment], depth: int = 0) -> list[Area]:
    """Return the areas of a page, or of a column of it, in reading order."""
    areas: list[Area] = []
    rows = [_with_markers(row) for row in rows_of(segments)]
    at = 0
    while at < len(rows):
        end, gutters = _band(rows, at) if depth < _DEEPEST else (at, [])
        if not gutters:
            line = _line(rows[at])
            if areas and areas[-1].kind == "text":
                areas[-1].lines.append(line)
            else:
                areas.append(Area("text", [line]))
            at += 1
            continue
        columns = _columns(rows[at:end], gutters)
        if _reads_down(columns, rows[at:end]):
            for column in columns:
                areas += areas_of(column, depth + 1)
        else:
            end = _table_end(rows, at, end)
            begin = _table_start(rows, at, gutters, len(areas[-1].lines) if areas and areas[-1].kind == "text" else 0)
            if begin < at:
                del areas[-1].lines[begin - at :]
            at = begin
            areas.append(Area("table", _table(_columns(rows[at:end], gutters))))
        at = end
    return areas


def _with_markers(row: Row) -> Row:
    """Put the marker of a list item and the item into one segment."""
    joined: Row = []
    for segment in row:
        last = joined[-1] if joined else None
        if last and MARKER.fullmatch(last.text) and segment.left - last.right < 4 * segment.height:
            joined[-1] = Segment(
                f"{last.text} {segment.text}",
                last.left,
                segment.right,
                segment.bottom,
                segment.top,
                segment.size,
                segment.bold,
                segment.mono,
                last.order,
            )
        else:
            joined.append(segment)
    return joined


def _line(row: Row) -> Line:
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


def _band(rows: Sequence[Row], start: int) -> tuple[int, list[Gap]]:
    """Find rows from ``start`` on that stand in columns.

    Returns:
        The index after the last row, and the free strips between columns, from left to right; no strips if the rows
        are ordinary lines. A strip counts if two rows have text on its left and two on its right.
    """
    if len(rows[start]) < 2 and not _beside(rows, start):
        return start, []
    gaps: list[Gap] = [(-_INFINITY, _INFINITY)]
    kept: list[Gap] = []
    end = start
    for index in range(start, len(rows)):
        width = _GUTTER * median(segment.height for segment in rows[index])
        narrowed = _cross(gaps, _free(rows[index]), width)
        inside = _supported(narrowed, rows[start : index + 1])
        lost = [gap for gap in kept if not any(other[0] < gap[1] and gap[0] < other[1] for other in inside)]
        ends = _ends_band(rows, start, index, [gap for gap in lost if min(_sides(gap, rows[start:index])) > 2], inside)
        if (lost and ends) or _resized(rows, start, index) or not _could_divide(narrowed, rows[start : index + 1]):
            break
        gaps, kept, end = narrowed, inside, index + 1
    return end, kept


def _ends_band(rows: Sequence[Row], start: int, index: int, lost: Sequence[Gap], kept: Sequence[Gap]) -> bool:
    """Whether a row that runs across strips between columns ends them.

    It does not if it only shows that wide spaces between words were taken for strips: those stand in few rows.
    """
    row, above = rows[index], rows[index - 1] if index > start else rows[index]
    far = min(segment.bottom for segment in above) - row[0].top > _FAR * row[0].height
    return not kept or (len(row) == 1 and far) or len(lost) >= max(1, len(kept))


def _resized(rows: Sequence[Row], start: int, index: int) -> bool:
    """Whether a row is set in a much larger or smaller font than the one before."""
    if index == start:
        return False
    above, below = (max(segment.size for segment in rows[at]) for at in (index - 1, index))
    return max(above, below) > _RESIZED * min(above, below)


def _beside(rows: Sequence[Row], at: int) -> bool:
    """Whether the next row stands wholly beside this one, as in columns whose lines are not level."""
    if at + 1 >= len(rows):
        return False
    this, following = rows[at], rows[at + 1]
    apart = this[-1].right < following[0].left or following[-1].right < this[0].left
    return apart and this[0].bottom < following[0].top


def _free(row: Row) -> list[Gap]:
    """Return the strips without text, those beyond both ends too."""
    gaps: list[Gap] = []
    edge = -_INFINITY
    for segment in row:
        if segment.left > edge:
            gaps.append((edge, segment.left))
        edge = max(edge, segment.right)
    return [*gaps, (edge, _INFINITY)]


def _cross(left: Sequence[Gap], right: Sequence[Gap], width: float) -> list[Gap]:
    crossed = [(max(a, c), min(b, d)) for a, b in left for c, d in right]
    return [(a, b) for a, b in crossed if b - a >= width]


def _sides(gap: Gap, rows: Sequence[Row]) -> tuple[int, int]:
    """Return how many rows have text on the left and on the right of a strip."""
    middle = gap[1] if gap[0] == -_INFINITY else gap[0]
    return (
        sum(1 for row in rows if row[0].right <= middle),
        sum(1 for row in rows if row[-1].left >= middle),
    )


def _supported(gaps: Sequence[Gap], rows: Sequence[Row]) -> list[Gap]:
    inner = [gap for gap in gaps if gap[0] > -_INFINITY and gap[1] < _INFINITY]
    return [gap for gap in inner if min(_sides(gap, rows)) >= 2]


def _could_divide(gaps: Sequence[Gap], rows: Sequence[Row]) -> bool:
    return any(min(_sides(gap, rows)) > 0 for gap in gaps) or len(rows) == 1


def _table_start(rows: Sequence[Row], start: int, gutters: Sequence[Gap], lines: int) -> int:
    """Take in the first lines of cells that begin higher than the cell on their left; at most ``lines``."""
    begin = start
    while start - begin < lines:
        row, below = rows[begin - 1], rows[begin]
        close = row[0].bottom - max(segment.top for segment in below) < _FAR / 2 * row[0].height
        inside = all(row[0].left >= gap[1] or row[0].right <= gap[0] for gap in gutters)
        under = any(abs(segment.left - row[0].left) < 2 for segment in below[1:])
        if len(row) > 1 or not (close and inside and under):
            break
        begin -= 1
    return begin


def _table_end(rows: Sequence[Row], start: int, end: int) -> int:
    """Leave out lines far below a table that merely reach into no other column than its first."""
    while end > start + 2 and len(rows[end - 1]) == 1 and rows[end - 1][0].left <= rows[start][0].right:
        last, above = rows[end - 1][0], min(segment.bottom for segment in rows[end - 2])
        if above - last.top <= _FAR * last.height:
            break
        end -= 1
    return end


def _columns(rows: Sequence[Row], gutters: Sequence[Gap]) -> list[list[Segment]]:
    columns: list[list[Segment]] = [[] for _ in range(len(gutters) + 1)]
    for row in rows:
        for segment in row:
            columns[sum(1 for gutter in gutters if segment.left >= gutter[1])].append(segment)
    return columns


def _reads_down(columns: Sequence[Sequence[Segment]], rows: Sequence[Row]) -> bool:
    """Whether columns are columns of text and not of a table.

    The program that made the file wrote columns one after the other and tables row by row, as a rule. Text that was
    written line by line across columns has lines that fill their columns on nearly every row.
    """
    if len(columns) > _MOST_COLUMNS:
        return False
    level = sum(1 for row in rows if len(row) == len(columns)) / len(rows)
    length = mean(len(segment.text) for column in columns for segment in column)
    if length < _SHORT_CELL and level > 0.8:
        return False
    order = sorted((segment.order, index) for index, column in enumerate(columns) for segment in column)
    changes = sum(1 for (_, before), (_, after) in pairwise(order) if before != after)
    if changes <= 2 * (len(columns) - 1):
        return True
    return len(rows) >= 6 and level > 0.8 and all(_fills(column) for column in columns)


def _fills(column: Sequence[Segment]) -> bool:
    width = max(segment.right for segment in column) - min(segment.left for segment in column)
    typical = median(segment.right - segment.left for segment in column)
    return typical > 0.75 * width and mean(len(segment.text) for segment in column) > 25


def _table(columns: Sequence[Sequence[Segment]]) -> list[Line]:
    """Return the rows of a table from top to bottom.

    Cells are runs of segments of one column in the order of the content; cells side by side are a row.
    """
    rows: list[dict[int, Row]] = []
    for column, cell in _cells(columns):
        row = next((row for row in reversed(rows) if column not in row and _beside_cells(row, cell)), None)
        if row is None:
            rows.append({column: cell})
        else:
            row[column] = cell
    rows.sort(key=lambda row: -max(segment.top for cell in row.values() for segment in cell))
    return _without_continuations([_table_line(row, len(columns)) for row in rows])


def _beside_cells(row: dict[int, Row], cell: Row) -> bool:
    """Whether a cell overlaps the cells of a row by more than half of the lower one's height."""
    others = [segment for other in row.values() for segment in other]
    bottom, top = min(segment.bottom for segment in others), max(segment.top for segment in others)
    low, high = min(segment.bottom for segment in cell), max(segment.top for segment in cell)
    return min(top, high) - max(bottom, low) > 0.5 * min(top - bottom, high - low)


def _cells(columns: Sequence[Sequence[Segment]]) -> list[tuple[int, Row]]:
    labelled = sorted(
        ((segment.order, index, segment) for index, column in enumerate(columns) for segment in column),
        key=lambda item: item[:2],
    )
    cells: list[tuple[int, Row]] = []
    for _, column, segment in labelled:
        before = cells[-1][1][-1] if cells and cells[-1][0] == column else None
        beside = before is not None and level(before, segment)
        below = before is not None and 0 <= before.bottom - segment.top <= _FAR * segment.height
        touches = before is not None and before.bottom - segment.bottom > 0 and before.bottom <= segment.top
        if beside or below or touches:
            cells[-1][1].append(segment)
        else:
            cells.append((column, [segment]))
    return cells


def _table_line(row: dict[int, Row], count: int) -> Line:
    segments = [segment for cell in row.values() for segment in cell]
    texts = tuple(" ".join(segment.text for segment in row.get(index, [])) for index in range(count))
    return Line(
        " | ".join(texts),
        min(segment.left for segment in segments),
        max(segment.right for segment in segments),
        min(segment.bottom for segment in segments),
        max(segment.top for segment in segments),
        segments[0].size,
        all(segment.bold for segment in segments),
        all(segment.mono for segment in segments),
        texts,
    )


def _without_continuations(lines: Sequence[Line]) -> list[Line]:
    """Join a row whose first cell is empty, close below another, with that one."""
    joined: list[Line] = []
    for line in lines:
        above = joined[-1] if joined else None
        if above and not line.cells[0] and above.cells[0] and above.bottom - line.top < 0.4 * line.height:
            above.cells = tuple(f"{a} {b}".strip() for a, b in zip(above.cells, line.cells, strict=True))
            above.text = " | ".join(above.cells)
            above.bottom = min(above.bottom, line.bottom)
        else:
            joined.append(line)
    return joined
