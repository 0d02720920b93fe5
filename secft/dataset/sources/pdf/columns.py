"""Free strips between columns, and whether what they separate is read down or across."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from statistics import mean, median

from secft.dataset.sources.pdf.lines import FAR
from secft.dataset.sources.pdf.rows import Row
from secft.dataset.sources.pdf.segments import Segment

_GUTTER = 0.4
"""Least width of the free strip between columns, in heights of a line."""
_MOST_COLUMNS = 3
"""Of text; more are a table."""
_SHORT_CELL = 15
"""Characters of a line, on average, below which aligned columns are a table whatever their order."""
_RESIZED = 1.6
"""Rows whose font sizes differ by more than this factor are no columns together."""
_INFINITY = float("inf")
Gap = tuple[float, float]


def find_columns(rows: Sequence[Row], start: int) -> tuple[int, list[Gap]]:
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
    far = min(segment.bottom for segment in above) - row[0].top > FAR * row[0].height
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


def columns_of(rows: Sequence[Row], gutters: Sequence[Gap]) -> list[list[Segment]]:
    """Distribute segments over the columns that free strips separate."""
    columns: list[list[Segment]] = [[] for _ in range(len(gutters) + 1)]
    for row in rows:
        for segment in row:
            columns[sum(1 for gutter in gutters if segment.left >= gutter[1])].append(segment)
    return columns


def reads_down(columns: Sequence[Sequence[Segment]], rows: Sequence[Row]) -> bool:
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
