"""The text of tables: heads that go on across pages, marks with the head that they stand under."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

from secft.dataset.sources.pdf.layout import Area
from secft.dataset.sources.pdf.lines import Line
from secft.dataset.sources.pdf.marks import is_code, marked_columns, said
from secft.dataset.sources.pdf.words import plain

_LONG_HEAD = 40
_ALIKE = 12.0
"""Points by which the columns of a table may differ from one page to the next."""


@dataclass(slots=True)
class Table:
    """The cells of a table, or of the part of it that stands on one page.

    Attributes:
        head: names of the columns; empty if none are known.
        rows: below the head; each has a cell for each column.
        columns: left and right end of each.
        marked: columns of marks.
        page: from 1.
    """

    head: tuple[str, ...]
    rows: list[tuple[str, ...]]
    columns: list[tuple[float, float]]
    marked: list[bool]
    page: int

    def said(self) -> list[str]:
        """Return one line a row, the head first."""
        if not self.head:
            return [" | ".join(row) for row in self.rows]
        return [" | ".join(row) for row in (self.head, *(said(self.head, row, self.marked) for row in self.rows))]


def table_of(area: Area, page: int, last: Table | None) -> Table:
    """Return a table; one that goes on from the page before has the head of that one, and its columns.

    A row that goes on is put together in the table before; what is left may be empty.

    Args:
        area: a table as it stands on the page.
        page: its number.
        last: the table right before, None if something else stands between.
    """
    rows = [tuple(plain(cell).strip() for cell in line.cells) for line in area.lines]
    if last and last.head and last.page in (page, page - 1):
        places = _places(area.columns, last.columns)
        moved = [_moved(row, places, len(last.columns)) for row in rows] if places else []
        if moved and (_same(moved[0], last.head) or (last.page < page and not _names(area, last))):
            body = moved[1:] if _same(moved[0], last.head) else _without_rest(moved, last)
            cells = list(zip(*body, strict=True)) if body else []
            marked = [
                mark and all(is_code(cell) for cell in column if cell)
                for mark, column in zip(last.marked, cells or [()] * len(last.head), strict=True)
            ]
            own = marked_columns([last.head, *body]) if body else marked
            both = [one or other for one, other in zip(own, marked, strict=True)]
            return Table(last.head, body, last.columns, both, page)
    if len(rows) > 1 and (area.head or has_head(area.lines) or any(marked_columns(rows))):
        return Table(rows[0], rows[1:], area.columns, marked_columns(rows), page)
    return Table((), rows, area.columns, [False] * len(rows[0]), page)


def mark_like_others(tables: Sequence[Table]) -> None:
    """Treat columns as those of marks that are it in other tables, though words stand in them here: ``L1: 30 days``."""
    names = {name for table in tables for name, mark in zip(table.head, table.marked, strict=False) if mark}
    for table in tables:
        known = [name in names for name in table.head]
        if sum(known) > 1:
            table.marked = [one or other for one, other in zip(table.marked, known, strict=True)]


def has_head(lines: Sequence[Line]) -> bool:
    """Whether the first row of a table names its columns: it alone is bold, or it is short and complete."""
    first, others = lines[0], lines[1:]
    if not others or not all(cell and not cell.isdigit() for cell in first.cells):
        return False
    if first.bold and not others[0].bold:
        return True
    short = max(len(cell) for cell in first.cells) <= _LONG_HEAD
    return short and 2 * len(first.text) < max(len(line.text) for line in others)


def _names(area: Area, last: Table) -> bool:
    """Whether a table right after another one has names of columns of its own."""
    if area.head or (area.lines[0].bold and has_head(area.lines)):
        return True
    near = len(area.columns) == len(last.columns) and all(
        abs(one[0] - other[0]) < _ALIKE for one, other in zip(area.columns, last.columns, strict=True)
    )
    return not near and has_head(area.lines)


def _same(row: Sequence[str], head: Sequence[str]) -> bool:
    return [_bare(cell) for cell in row] == [_bare(cell) for cell in head]


def _bare(text: str) -> str:
    return "".join(text.split()).casefold()


def _places(new: Sequence[tuple[float, float]], old: Sequence[tuple[float, float]]) -> list[int]:
    """Return for each column the one of the table before in whose place it stands; nothing if they do not fit."""
    edges = [(left[1] + right[0]) / 2 for left, right in pairwise(old)]
    places = [sum(1 for edge in edges if (left + right) / 2 > edge) for left, right in new]
    inside = all(right > old[0][0] - _ALIKE and left < old[-1][1] + _ALIKE for left, right in new)
    return places if inside and len(set(places)) == len(places) and places == sorted(places) else []


def _moved(row: Sequence[str], places: Sequence[int], count: int) -> tuple[str, ...]:
    cells = [""] * count
    for place, cell in zip(places, row, strict=True):
        cells[place] = cell
    return tuple(cells)


def _without_rest(rows: list[tuple[str, ...]], last: Table) -> list[tuple[str, ...]]:
    """Put the rest of a row that began on the page before to its beginning.

    It is one where its first cell is empty, though no other row's is.
    """
    first = rows[0]
    named = all(row[0] for row in (*last.rows, *rows[1:]))
    if not last.rows or first[0] or not named or not any(len(cell) > 3 for cell in first):
        return rows
    last.rows[-1] = tuple(f"{a} {b}".strip() for a, b in zip(last.rows[-1], first, strict=True))
    return rows[1:]
