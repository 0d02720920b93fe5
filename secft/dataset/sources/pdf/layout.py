"""Reading order: columns are read down, tables across, everything else from top to bottom."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Literal

from secft.dataset.sources.pdf.columns import columns_of, find_columns, reads_down
from secft.dataset.sources.pdf.lines import Line, line_of, with_markers
from secft.dataset.sources.pdf.rows import rows_of
from secft.dataset.sources.pdf.ruled import RuledTable
from secft.dataset.sources.pdf.segments import Segment
from secft.dataset.sources.pdf.tables import mark_columns_of, table_end, table_lines, table_start

_DEEPEST = 4
"""Columns within columns."""


@dataclass(slots=True)
class Area:
    """Lines that belong together: a column, a table, or what stands across the page.

    Attributes:
        kind: what it is.
        lines: from top to bottom.
        columns: left and right end of the columns of a table.
        head: the first row of a table is known to name its columns.
    """

    kind: Literal["text", "table"]
    lines: list[Line]
    columns: list[tuple[float, float]] = field(default_factory=list)
    head: bool = False


def areas_of(segments: Sequence[Segment], tables: Sequence[RuledTable] = (), depth: int = 0) -> list[Area]:
    """Return the areas of a page, or of a column of it, in reading order.

    Args:
        segments: of the page or the column.
        tables: that are drawn on the page, from top to bottom.
        depth: of columns within columns.
    """
    for index, table in enumerate(tables):
        inside = [segment for segment in segments if id(segment) in table.members]
        others = [segment for segment in segments if id(segment) not in table.members]
        middle = (table.top + table.bottom) / 2
        # Text beside a table is a column of its own, and is parted from it first.
        if len(inside) < len(table.members) or any(table.bottom < other.middle < table.top for other in others):
            continue
        above = areas_of([other for other in others if other.middle > middle], tables[:index], depth)
        below = areas_of([other for other in others if other.middle < middle], tables[index + 1 :], depth)
        return [*above, *_ruled(table), *below]
    return _by_distance(segments, tables, depth)


def _ruled(table: RuledTable) -> list[Area]:
    area = Area("table", table.lines, table.columns, table.head)
    return [*(Area("text", [line]) for line in table.captions), area]


def _by_distance(segments: Sequence[Segment], tables: Sequence[RuledTable], depth: int) -> list[Area]:
    areas: list[Area] = []
    apart = rows_of(segments)
    rows = [with_markers(row) for row in apart]
    across: list[Line] = []
    at = 0
    while at < len(rows):
        end, gutters = find_columns(rows, at) if depth < _DEEPEST else (at, [])
        if not gutters:
            if not across:
                areas.append(Area("text", across))
            across.append(line_of(rows[at]))
            at += 1
            continue
        columns = columns_of(rows[at:end], gutters)
        if reads_down(columns, rows[at:end]):
            for column in columns_of(apart[at:end], gutters):
                areas += areas_of(column, tables, depth + 1)
        else:
            end = table_end(rows, at, end)
            begin = table_start(rows, at, gutters, len(across))
            del across[len(across) - (at - begin) :]
            cells = mark_columns_of([column for column in columns_of(apart[begin:end], gutters) if column])
            places = [(min(s.left for s in cell), max(s.right for s in cell)) for cell in cells]
            areas.append(Area("table", table_lines(cells), places))
        across, at = [], end
    return [area for area in areas if area.lines]
