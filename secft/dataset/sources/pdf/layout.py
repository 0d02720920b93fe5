"""Reading order: columns are read down, tables across, everything else from top to bottom."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from secft.dataset.sources.pdf.columns import columns_of, find_columns, reads_down
from secft.dataset.sources.pdf.lines import Line, line_of, with_markers
from secft.dataset.sources.pdf.rows import rows_of
from secft.dataset.sources.pdf.segments import Segment
from secft.dataset.sources.pdf.tables import table_end, table_lines, table_start

_DEEPEST = 4
"""Columns within columns."""


@dataclass(slots=True)
class Area:
    """Lines that belong together: a column, a table, or what stands across the page."""

    kind: Literal["text", "table"]
    lines: list[Line]


def areas_of(segments: Sequence[Segment], depth: int = 0) -> list[Area]:
    """Return the areas of a page, or of a column of it, in reading order."""
    areas: list[Area] = []
    rows = [with_markers(row) for row in rows_of(segments)]
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
            for column in columns:
                areas += areas_of(column, depth + 1)
        else:
            end = table_end(rows, at, end)
            begin = table_start(rows, at, gutters, len(across))
            del across[len(across) - (at - begin) :]
            areas.append(Area("table", table_lines(columns_of(rows[begin:end], gutters))))
        across, at = [], end
    return [area for area in areas if area.lines]
