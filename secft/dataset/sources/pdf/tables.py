"""Tables: where they begin and end, their cells and their rows."""

from __future__ import annotations

from collections.abc import Sequence

from secft.dataset.sources.pdf.columns import Gap
from secft.dataset.sources.pdf.lines import FAR, Line
from secft.dataset.sources.pdf.marks import is_mark
from secft.dataset.sources.pdf.rows import Row, level, rows_of
from secft.dataset.sources.pdf.segments import Segment

_STRIP = 0.25
"""Least width of a free strip between columns of marks, in heights of a line."""
_SHORT_CELL = 12


def table_start(rows: Sequence[Row], start: int, gutters: Sequence[Gap], lines: int) -> int:
    """Take in the first lines of cells that begin higher than the cell on their left; at most ``lines``."""
    begin = start
    while start - begin < lines:
        row, below = rows[begin - 1], rows[begin]
        close = row[0].bottom - max(segment.top for segment in below) < FAR / 2 * row[0].height
        inside = all(row[0].left >= gap[1] or row[0].right <= gap[0] for gap in gutters)
        under = any(abs(segment.left - row[0].left) < 2 for segment in below[1:])
        if len(row) > 1 or not (close and inside and under):
            break
        begin -= 1
    return begin


def table_end(rows: Sequence[Row], start: int, end: int) -> int:
    """Leave out lines far below a table that merely reach into no other column than its first."""
    while end > start + 2 and len(rows[end - 1]) == 1 and rows[end - 1][0].left <= rows[start][0].right:
        last, above = rows[end - 1][0], min(segment.bottom for segment in rows[end - 2])
        if above - last.top <= FAR * last.height:
            break
        end -= 1
    return end


def mark_columns_of(columns: Sequence[Sequence[Segment]]) -> list[list[Segment]]:
    """Return the columns of a table, those of marks apart that stand too close to be told by distance alone."""
    return [part for column in columns for part in _divided(column)]


def _divided(column: Sequence[Segment]) -> list[list[Segment]]:
    """Divide a column along strips that no word reaches into, if all parts are short and marks stand in most rows."""
    rows = rows_of(column)
    words = sorted(place for segment in column for place in segment.words or ((segment.left, segment.right),))
    places: list[float] = []
    edge = words[0][1] if words else 0.0
    for left, right in words:
        if left - edge > _STRIP * column[0].height:
            places.append((edge + left) / 2)
        edge = max(edge, right)
    parts: list[list[Segment]] = [[] for _ in range(len(places) + 1)]
    marks = 0
    for row in rows:
        pieces = [piece for segment in row for piece in segment.cut(places)]
        for piece in pieces:
            parts[sum(1 for place in places if piece.left > place)].append(piece)
        marks += any(is_mark(piece.text) for piece in pieces)
    short = all(len(segment.text) <= _SHORT_CELL for part in parts for segment in part)
    alone = all(len(row) == 1 for part in parts for row in rows_of(part))
    return parts if places and short and alone and 2 * marks > len(rows) else [list(column)]


def table_lines(columns: Sequence[Sequence[Segment]]) -> list[Line]:
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
        below = before is not None and 0 <= before.bottom - segment.top <= FAR * segment.height
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
