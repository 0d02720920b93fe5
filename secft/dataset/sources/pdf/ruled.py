"""Tables that are drawn with lines or filled boxes: their place on the page and their rows."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise
from statistics import median

from secft.dataset.sources.pdf.cells import Band, ColumnEdges, rows_of_bands
from secft.dataset.sources.pdf.grids import Grid
from secft.dataset.sources.pdf.lines import Line
from secft.dataset.sources.pdf.rows import Row, rows_of
from secft.dataset.sources.pdf.segments import PdfPage, Segment

_SLIM = 12.0
"""Points; an empty column or row that is narrower is none."""
_APART = 1.6
"""Free height, in heights of a line, after which a row belongs to no table above or below."""
_CLOSE = 0.5
_CROSSED = 0.3
"""A line that words of so many rows run across divides no columns."""
_SPACE = 0.4
"""Heights of a line; words that are closer stand in one cell."""
_PROSE, _MOSTLY = 400, 0.6
"""If more than this part of the text stands in cells of so many characters, a few boxes are a layout and no table."""
_BOX, _BOX_LINES, _LARGER = 1000, 4, 1.12
_NAME = 60
"""Characters of the first cells of a table, as a rule."""
_HIGH = 2.2
"""A row of more than this multiple of the usual height may be several."""
_FILLED = 0.4
"""Part of the rows of a table that fill two columns or more."""
_FEW_ROWS, _LAYOUT_ROWS = 3, 6


@dataclass(slots=True)
class RuledTable:
    """A table with its place.

    Attributes:
        left, bottom, right, top: of its lines and texts, in points.
        members: identities of the segments that stand in it.
        lines: its rows.
        columns: left and right end of each column.
        captions: rows across the whole table, above the others.
        head: the first row is known to name the columns.
    """

    left: float
    bottom: float
    right: float
    top: float
    members: set[int]
    lines: list[Line]
    columns: list[tuple[float, float]]
    captions: list[Line]
    head: bool


def ruled_tables(page: PdfPage) -> list[RuledTable]:
    """Return the tables of a page that lines or boxes divide into columns, from top to bottom."""
    tables: list[RuledTable] = []
    for grid in page.grids:
        if any(table.bottom < (grid.top + grid.bottom) / 2 < table.top and _beside(table, grid) for table in tables):
            continue
        table = _table(grid, page)
        if table is not None:
            tables.append(table)
    return tables


def _beside(table: RuledTable, grid: Grid) -> bool:
    return min(table.right, grid.right) > max(table.left, grid.left)


def _table(grid: Grid, page: PdfPage) -> RuledTable | None:
    near = [
        segment for segment in page.segments if grid.left - 2 <= (segment.left + segment.right) / 2 <= grid.right + 2
    ]
    inside = [segment for segment in near if grid.bottom <= segment.middle <= grid.top]
    turned = [
        segment
        for segment in page.turned
        if grid.bottom <= segment.middle <= grid.top and grid.left <= segment.left and segment.right <= grid.right
    ]
    xs = _boundaries(grid, [*inside, *turned])
    if len(xs) < 3:
        return None
    above, below = _around(grid, near, xs)
    alike = [other for other in page.grids if other is grid or _continues(other, grid, below)]
    bands = _bands(alike, above, below, [*inside, *turned])
    segments = [*(segment for row in (*above, *below) for segment in row), *inside]
    columns = ColumnEdges(xs, alike)
    if not bands or not segments or not _fits(segments, xs) or _is_layout(bands, columns):
        return None
    rows = rows_of_bands(bands, columns)
    if not _is_table(rows.lines):
        return None
    return RuledTable(
        min(xs[0], *(segment.left for segment in segments)),
        min(segment.bottom for segment in segments),
        max(xs[-1], *(segment.right for segment in segments)),
        max(segment.top for segment in (*segments, *turned)),
        {id(segment) for segment in segments},
        rows.lines,
        list(pairwise(xs)),
        rows.captions,
        rows.head or len(grid.ys) == 1,
    )


def _continues(other: Grid, grid: Grid, below: Sequence[Row]) -> bool:
    """Whether a grid stands among the rows that were found below another one, with the same columns."""
    if not below or other.top > grid.top or other.bottom < below[-1][0].bottom - _SLIM:
        return False
    return abs(other.left - grid.left) < 4 and abs(other.right - grid.right) < 4


def _boundaries(grid: Grid, segments: Sequence[Segment]) -> list[float]:
    """Return places of edges between columns, without those that words run across and those of empty slim columns."""
    rows = rows_of(segments)
    xs = [x for x in grid.xs if sum(map(_crosses, rows, [[x]] * len(rows))) <= _CROSSED * len(rows)]
    reach = {x: sum(high - low for place, low, high in grid.upright if abs(place - x) < 3) for x in xs}
    middles = [
        (left + right) / 2 for segment in segments for left, right in segment.words or ((segment.left, segment.right),)
    ]
    at = 0
    while at + 1 < len(xs):
        low, high = xs[at], xs[at + 1]
        if high - low < _SLIM and not any(low < middle < high for middle in middles) and not grid.drawings:
            del xs[at if reach[low] < reach[high] else at + 1]
            at = max(0, at - 1)
        else:
            at += 1
    return xs


def _crosses(row: Row, xs: Sequence[float]) -> bool:
    """Whether a word of a row, or a space as between words, runs across one of several places."""
    for segment in row:
        words = segment.words or ((segment.left, segment.right),)
        space = _SPACE * segment.height
        runs = [list(words[0])]
        for left, right in words[1:]:
            if left - runs[-1][1] < space:
                runs[-1][1] = right
            else:
                runs.append([left, right])
        if any(left < x - 1 and right > x + 1 for left, right in runs for x in xs):
            return True
    return False


def _fits(segments: Sequence[Segment], xs: Sequence[float]) -> bool:
    """Whether the text of a table stands in its columns, by and large."""
    rows = rows_of(segments)
    return sum(_crosses(row, xs[1:-1]) for row in rows) <= _CROSSED * len(rows)


def _around(grid: Grid, near: Sequence[Segment], xs: Sequence[float]) -> tuple[list[Row], list[Row]]:
    """Return rows above and below a grid that belong to its table.

    A single level line stands under the head; boxes that fill every second row leave rows between and around.
    """
    single = len(grid.ys) == 1
    filled = bool(grid.boxes) and all(
        any(abs(box.left - x) < 3 or abs(box.right - x) < 3 for box in grid.boxes) for x in grid.xs
    )
    if not single and not (filled and len(grid.ys) == 2):
        return [], []
    below = list(_fitting(rows_of(s for s in near if s.middle < grid.bottom), xs, grid.bottom, -1))
    above = list(_fitting(rows_of(s for s in near if s.middle > grid.top)[::-1], xs, grid.top, 1))
    return above[::-1], below


def _fitting(rows: Sequence[Row], xs: Sequence[float], start: float, way: int) -> Iterator[Row]:
    """Yield rows from a grid on, upwards or downwards, up to the last one that fills two columns."""
    waiting: list[Row] = []
    edge = start
    size = 0.0
    for row in rows:
        low, high = min(segment.bottom for segment in row), max(segment.top for segment in row)
        apart = (low - edge if way > 0 else edge - high) / median(segment.height for segment in row)
        large = max(segment.size for segment in row)
        if apart > _APART or _crosses(row, xs) or (size and large > 1.15 * size):
            break
        size, edge = size or large, high if way > 0 else low
        columns = {sum(1 for x in xs if x < piece.left + 1) for segment in row for piece in segment.cut(xs)}
        if len(columns) > 1:
            yield from waiting
            yield row
            waiting = []
        else:
            waiting.append(row)
    for row in waiting if way < 0 else []:
        if edge - row[0].top > _CLOSE * row[0].height:
            break
        yield row


def _bands(grids: Sequence[Grid], above: Sequence[Row], below: Sequence[Row], inside: Sequence[Segment]) -> list[Band]:
    """Return the rows that edges separate, from top to bottom, with their segments."""
    segments = [*(segment for row in (*above, *below) for segment in row), *inside]
    if not segments:
        return []
    ys = sorted({y for grid in grids for y in grid.ys}, reverse=True)
    top, bottom = max(s.top for s in segments), min(s.bottom for s in segments)
    edges = [*([top + 1] if above else []), *ys, *([bottom - 1] if below and bottom < ys[-1] else [])]
    bands = []
    heights = [high - low for high, low in pairwise(edges)]
    usual = median(heights) if len(edges) > _FEW_ROWS + 1 else 0.0
    single = len(grids) == 1 and len(ys) == 1
    for index, (high, low) in enumerate(pairwise(edges)):
        inner = [segment for segment in segments if low <= segment.middle < high]
        ruled = any(grid.top >= high - 1 and grid.bottom <= low + 1 for grid in grids)
        whole = ruled and not (high - low > _HIGH * usual and _has_rows(inner, grids[0].xs))
        bands.append(Band(high, low, inner, whole or (single and index == 0), ruled))
    return bands


def _has_rows(segments: Sequence[Segment], xs: Sequence[float]) -> bool:
    """Whether what stands between two edges is several rows, most of which fill the first column and another."""
    rows = rows_of(segments)
    full = 0
    for row in rows:
        columns = {sum(1 for x in xs if x < piece.left + 1) for segment in row for piece in segment.cut(xs)}
        full += len(columns) > 1 and min(columns) <= 1 and not _crosses(row, xs[1:-1])
    return len(rows) >= 3 and full > 0.7 * len(rows)


def _is_layout(bands: Sequence[Band], columns: ColumnEdges) -> bool:
    """Whether two cells or more are boxes of prose: they are long, or open with a heading in larger type."""
    boxes = 0
    for band in bands:
        cells: dict[int, list[Segment]] = {}
        for segment in band.segments:
            cells.setdefault(columns.index(segment), []).append(segment)
        for cell in cells.values():
            rows = rows_of(cell)
            large = max(segment.size for segment in rows[0])
            headed = len(rows) >= _BOX_LINES and large > _LARGER * median(segment.size for segment in cell)
            boxes += headed or sum(len(segment.text) for segment in cell) > _BOX
    return boxes > 1


def _is_table(lines: Sequence[Line]) -> bool:
    """Whether rows are a table: two or more, two columns filled, and no boxes with paragraphs."""
    filled = [cell for line in lines for cell in line.cells if cell]
    columns = {index for line in lines for index, cell in enumerate(line.cells) if cell}
    rows = sum(1 for line in lines if sum(map(bool, line.cells)) > 1)
    if len(columns) < 2 or rows < max(2, _FILLED * len(lines)):
        return False
    long = sum(len(cell) for cell in filled if len(cell) > _PROSE)
    named = median(len(line.cells[0]) for line in lines) <= _NAME and len(lines) > _LAYOUT_ROWS
    return named or long <= _MOSTLY * sum(map(len, filled))
