"""The cells of a table between edges: those that span columns or rows, and those that are filled or drawn on."""

from __future__ import annotations

import colorsys
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import pairwise

from secft.dataset.sources.pdf.grids import Grid
from secft.dataset.sources.pdf.lines import Line
from secft.dataset.sources.pdf.marks import MARK, is_mark
from secft.dataset.sources.pdf.rows import rows_of, text_of
from secft.dataset.sources.pdf.segments import Segment
from secft.dataset.sources.pdf.shapes import Color
from secft.dataset.sources.pdf.tables import table_lines

_SLIM = 8.0
"""Points; an empty row that is lower is the space between two lines."""
_REPEATED = 120
"""Characters of a cell over several rows, up to which each of them gets its text."""
_HUES = ((15, "red"), (45, "orange"), (70, "yellow"), (170, "green"), (260, "blue"), (330, "purple"), (361, "red"))


@dataclass(slots=True)
class Band:
    """What stands between two level edges.

    Attributes:
        high, low: the edges.
        segments: the text.
        whole: it is one row.
        ruled: both edges are drawn.
    """

    high: float
    low: float
    segments: list[Segment]
    whole: bool
    ruled: bool

    @property
    def middle(self) -> float:
        """Height of its middle on the page."""
        return (self.high + self.low) / 2


@dataclass(slots=True)
class ColumnEdges:
    """Places of the edges between columns, the outer ones too, and the grids that they come from."""

    xs: Sequence[float]
    grids: Sequence[Grid]

    def index(self, segment: Segment) -> int:
        """Return the column in which a segment stands."""
        middle = (segment.left + segment.right) / 2
        return min(max(sum(1 for x in self.xs if x <= middle) - 1, 0), len(self.xs) - 2)

    def divided(self, x: float, y: float) -> bool:
        """Whether an edge between columns is drawn at a height."""
        return any(grid.divided(x, y) for grid in self.grids)


@dataclass(slots=True)
class Rows:
    """Rows of a table: lines across all of it that stand first, then rows; whether the first names the columns."""

    captions: list[Line]
    lines: list[Line]
    head: bool


def rows_of_bands(bands: Sequence[Band], columns: ColumnEdges) -> Rows:
    """Return the rows of a table from the bands between its edges."""
    grouped = [(band, _lines(band, columns)) for band in bands if band.segments or band.high - band.low > _SLIM]
    grouped = [(band, lines) for band, lines in grouped if lines]
    _spread_down(grouped, columns)
    heads = _heads(grouped, columns)
    _mark_cells(grouped[max(heads, 1) :], columns)
    rows = [(band, line) for band, lines in grouped for line in lines if any(line.cells)]
    captions: list[Line] = []
    while len(rows) > 2 and rows[0][0].whole and _spans_all(rows[0][0], columns):
        line = rows.pop(0)[1]
        captions.append(replace(line, text=line.cells[0], cells=()))
    lines = [line for _, line in rows]
    heads = min(heads, len(lines) - 1)
    if heads > 1:
        lines = [_one_head(lines[:heads]), *lines[heads:]]
    filled = len(rows) > 1 and _filled(rows[0][0], columns) and not _filled(rows[1][0], columns)
    return Rows(captions, lines, heads > 1 or filled)


def _lines(band: Band, columns: ColumnEdges) -> list[Line]:
    count = len(columns.xs) - 1
    if not band.segments:
        return [_line(band, tuple([""] * count), [])]
    if band.whole:
        return [_whole(band, columns)]
    parts: list[list[Segment]] = [[] for _ in range(count)]
    for segment in band.segments:
        for piece in segment.cut(columns.xs):
            parts[columns.index(piece)].append(piece)
    return table_lines(parts)


def _whole(band: Band, columns: ColumnEdges) -> Line:
    """Return a band as one row; the text of a cell that spans columns stands in each of them."""
    cells = [""] * (len(columns.xs) - 1)
    pieces = [piece for segment in band.segments for piece in segment.cut(columns.xs)]
    for first, last in _spans(band, columns):
        inner = [piece for piece in pieces if first <= columns.index(piece) <= last]
        cells[first : last + 1] = [_text(inner)] * (last + 1 - first)
    return _line(band, tuple(cells), band.segments)


def _text(segments: Sequence[Segment]) -> str:
    """Return the text of a cell; that of turned text, whose words have no places, in the order of the content."""
    if all(segment.words for segment in segments):
        return " ".join(text_of(row) for row in rows_of(segments))
    return " ".join(segment.text for segment in sorted(segments, key=lambda segment: segment.order))


def _spans(band: Band, columns: ColumnEdges) -> list[tuple[int, int]]:
    """Return the first and last columns of the cells of a band.

    ColumnEdges that no edge divides are one cell if a text runs across, or if only one of them has any.
    """
    inner = columns.xs[1:-1]
    drawn = [columns.divided(x, band.middle) for x in inner]
    closed = any(drawn) or all(columns.divided(columns.xs[end], band.middle) for end in (0, -1))
    filled = {columns.index(piece) for segment in band.segments for piece in segment.cut(columns.xs)}
    spans = [(0, 0)]
    for index, (x, divided) in enumerate(zip(inner, drawn, strict=True), start=1):
        across = any(_reaches_over(segment, x) for segment in band.segments)
        first = spans[-1][0]
        alone = index not in filled or not filled.intersection(range(first, index))
        if not divided and band.ruled and (across or (closed and alone)):
            spans[-1] = (first, index)
        else:
            spans.append((index, index))
    return spans


def _reaches_over(segment: Segment, x: float) -> bool:
    """Whether a text runs across a place: with a word, or with a space between two."""
    if not segment.left < x - 2 or not segment.right > x + 2:
        return False
    before = max((right for _, right in segment.words if right <= x), default=segment.left)
    after = min((left for left, _ in segment.words if left >= x), default=segment.right)
    return not segment.words or after - before < segment.height or any(a < x < b for a, b in segment.words)


def _spans_all(band: Band, columns: ColumnEdges) -> bool:
    return band.ruled and len(_spans(band, columns)) == 1


def _line(band: Band, cells: tuple[str, ...], segments: Sequence[Segment]) -> Line:
    return Line(
        " | ".join(cells), 0.0, 0.0, band.low, band.high,
        segments[0].size if segments else 0.0,
        bool(segments) and all(segment.bold for segment in segments),
        bool(segments) and all(segment.mono for segment in segments),
        cells,
    )  # fmt: skip


def _spread_down(grouped: Sequence[tuple[Band, list[Line]]], columns: ColumnEdges) -> None:
    """Put the text of cells that span rows into each of them."""
    for index, (low, high) in enumerate(pairwise(columns.xs)):
        at = 0
        while at < len(grouped):
            end = at + 1
            while end < len(grouped) and _joined(grouped[end - 1][0], grouped[end][0], (low + high) / 2, columns):
                end += 1
            lines = [line for _, lines in grouped[at:end] for line in lines]
            text = " ".join(filter(None, (line.cells[index] for line in lines)))
            if end > at + 1 and text:
                for number, line in enumerate(lines):
                    _put(line, index, text if number == 0 or len(text) <= _REPEATED else "")
            at = end


def _joined(above: Band, below: Band, x: float, columns: ColumnEdges) -> bool:
    """Whether no edge stands between two bands in a column, but one does in others."""
    if not (above.whole and below.whole and above.ruled and below.ruled):
        return False
    y = above.low
    middles = [(low + high) / 2 for low, high in pairwise(columns.xs)]
    ruled = any(grid.ruled(y, x) for grid in columns.grids)
    return not ruled and any(grid.ruled(y, middle) for grid in columns.grids for middle in middles)


def _put(line: Line, index: int, text: str) -> None:
    line.cells = (*line.cells[:index], text, *line.cells[index + 1 :])
    line.text = " | ".join(line.cells)


def _heads(grouped: Sequence[tuple[Band, list[Line]]], columns: ColumnEdges) -> int:
    """Return how many bands name columns: those with cells over several columns, and the one below them."""
    first = 0
    while first < len(grouped) and _spans_all(grouped[first][0], columns):
        first += 1
    count = 0
    for (band, lines), (_, following) in pairwise(grouped[first : first + 4]):
        spans = _spans(band, columns) if band.whole else []
        single = [start for start, last in spans if last == start]
        if len(spans) == len(single) or len(following) != 1 or not _heads_together(lines[0], following[0], single):
            break
        count += 1
    return count + 1 if count else 0


def _heads_together(above: Line, below: Line, single: Sequence[int]) -> bool:
    """Whether the row below cells over several columns names these, and is no row of its own in the other columns."""
    return all(above.cells[at] == below.cells[at] or not (above.cells[at] and below.cells[at]) for at in single)


def _one_head(lines: Sequence[Line]) -> Line:
    """Return several rows that name the columns as one."""
    cells = tuple(
        " ".join(filter(None, dict.fromkeys(names))) for names in zip(*(line.cells for line in lines), strict=True)
    )
    whole = lines[0]
    whole.cells, whole.text, whole.bottom = cells, " | ".join(cells), lines[-1].bottom
    return whole


def _filled(band: Band, columns: ColumnEdges) -> bool:
    """Whether the first cells of a band have a colour."""
    return all(_fill(band, columns, index) is not None for index in range(min(2, len(columns.xs) - 1)))


def _fill(band: Band, columns: ColumnEdges, index: int) -> Color | None:
    box = columns.xs[index], band.low, columns.xs[index + 1], band.high
    return next((color for grid in columns.grids if (color := grid.fill(*box)) is not None), None)


def _mark_cells(grouped: Sequence[tuple[Band, list[Line]]], columns: ColumnEdges) -> None:
    """Put a mark into empty cells that are filled unlike the text of their row, or that something is drawn in.

    Where several colours are used, the mark says which. In a table that has signs, colours mean something else.
    """
    signs = any(is_mark(cell) for _, lines in grouped for line in lines for cell in line.cells)
    found: list[tuple[Line, int, Color | None]] = []
    for band, lines in grouped:
        if not band.whole or not band.ruled:
            continue
        (line,) = lines
        fills = [_fill(band, columns, index) for index in range(len(line.cells))]
        usual = Counter(fill for fill, cell in zip(fills, line.cells, strict=True) if cell and not is_mark(cell))
        if not usual:
            continue
        for index, cell in enumerate(line.cells):
            box = columns.xs[index], band.low, columns.xs[index + 1], band.high
            if cell or index == 0:
                continue
            if any(grid.drawn(*box) for grid in columns.grids):
                found.append((line, index, None))
            elif not signs and fills[index] is not None and fills[index] not in usual:
                found.append((line, index, fills[index]))
    several = len({_named(color) for _, _, color in found if color}) > 1
    for line, index, color in found:
        _put(line, index, f"{MARK} {_named(color)}" if several and color else MARK)


def _named(color: Color) -> str:
    hue, light, strength = colorsys.rgb_to_hls(*(part / 255 for part in color))
    if strength < 0.15 or light < 0.1:
        return "black" if light < 0.25 else "grey"
    return next(name for limit, name in _HUES if hue * 360 < limit)
