"""Grids: where lines and boxes of a page divide it into columns and rows."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

import numpy as np

from secft.dataset.sources.pdf.shapes import Color, Drawn

_TOUCH = 2.5
"""Points between shapes that belong together."""
_SAME = 3.0
"""Points between edges that are one."""
_MOST_SHAPES = 3_000
"""Of a page; drawings of more hold no table."""
_WHOLE = 0.7
"""A box of more than this part of the page is its background."""
_ROW_REACH, _COLUMN_REACH = 0.4, 0.2
"""Parts of the width and the height of a grid that edges between its rows and its columns cover at least."""
_SHORTEST = 4.0
"""Points; shorter lines divide nothing."""
Edge = tuple[float, float, float]
"""Its place, and from where to where it reaches."""


@dataclass(slots=True)
class Grid:
    """Lines and boxes that touch each other.

    Attributes:
        left, bottom, right, top: what they cover.
        xs: places of upright edges, from left to right; ends of the pieces of a single level line count.
        ys: places of level edges, from top to bottom.
        upright, level: the edges.
        boxes: with a fill, in the order in which they are drawn.
        drawings: small ones inside of it.
    """

    left: float
    bottom: float
    right: float
    top: float
    xs: list[float]
    ys: list[float]
    upright: list[Edge]
    level: list[Edge]
    boxes: list[Drawn] = field(default_factory=list)
    drawings: list[Drawn] = field(default_factory=list)

    def divided(self, x: float, y: float) -> bool:
        """Whether an upright edge stands at a place."""
        return any(abs(place - x) <= _SAME and low - 1 <= y <= high + 1 for place, low, high in self.upright)

    def ruled(self, y: float, x: float) -> bool:
        """Whether a level edge stands at a place."""
        return any(abs(place - y) <= _SAME and low - 1 <= x <= high + 1 for place, low, high in self.level)

    def fill(self, left: float, bottom: float, right: float, top: float) -> Color | None:
        """Return the colour of a cell, None where it is white or has none."""
        x, y = (left + right) / 2, (bottom + top) / 2
        found: Color | None = None
        for box in self.boxes:
            if box.left <= x <= box.right and box.bottom <= y <= box.top:
                found = box.fill
        return None if found is None or min(found) > 250 else found

    def drawn(self, left: float, bottom: float, right: float, top: float) -> bool:
        """Whether a small drawing stands in a cell."""
        middles = (((shape.left + shape.right) / 2, (shape.bottom + shape.top) / 2) for shape in self.drawings)
        return any(left <= x <= right and bottom <= y <= top for x, y in middles)


def grids_of(shapes: Sequence[Drawn], width: float, height: float) -> list[Grid]:
    """Return the grids of a page that divide it into two columns or more, from top to bottom.

    Args:
        shapes: what is drawn on it.
        width: of the page in points.
        height: of the page in points.
    """
    edges = [shape for shape in shapes if shape.kind != "drawing" and _counts(shape, width * height)]
    if not 2 <= len(edges) <= _MOST_SHAPES:
        return []
    edges = _visible(edges)
    drawings = [shape for shape in shapes if shape.kind == "drawing"]
    found = [_grid(group) for group in _groups(edges) if len(group) > 1]
    grids = [grid for grid in found if len(grid.xs) > 2 and grid.ys]
    for grid in grids:
        grid.drawings = [
            shape
            for shape in drawings
            if grid.left <= shape.left and shape.right <= grid.right and grid.bottom <= shape.bottom <= grid.top
        ]
    return sorted(grids, key=lambda grid: -grid.top)


def _counts(shape: Drawn, page: float) -> bool:
    width, height = shape.right - shape.left, shape.top - shape.bottom
    return max(width, height) >= _SHORTEST and width * height < _WHOLE * page


def _visible(shapes: Sequence[Drawn]) -> list[Drawn]:
    """Leave out boxes inside of a larger one of the same colour: programs fill cells, then the paragraphs in them."""
    boxes = [shape for shape in shapes if shape.kind == "box" and shape.fill is not None]
    if not boxes:
        return list(shapes)
    edge = np.array([(box.left, box.bottom, box.right, box.top) for box in boxes])
    color = np.array([box.fill for box in boxes])
    area = (edge[:, 2] - edge[:, 0]) * (edge[:, 3] - edge[:, 1])
    hidden = set()
    for at, box in enumerate(boxes):
        around = (edge[:, :2] <= edge[at, :2] + 1).all(axis=1) & (edge[:, 2:] >= edge[at, 2:] - 1).all(axis=1)
        if (around & (color == color[at]).all(axis=1) & (area > 1.05 * area[at])).any():
            hidden.add(id(box))
    return [shape for shape in shapes if id(shape) not in hidden]


def _groups(shapes: Sequence[Drawn]) -> list[list[Drawn]]:
    """Return shapes that touch each other, group by group."""
    box = np.array([(shape.left, shape.bottom, shape.right, shape.top) for shape in shapes])
    low, high = box[:, :2] - _TOUCH / 2, box[:, 2:] + _TOUCH / 2
    free = np.ones(len(shapes), dtype=bool)
    groups: list[list[Drawn]] = []
    for start in range(len(shapes)):
        if not free[start]:
            continue
        free[start] = False
        waiting, group = [start], []
        while waiting:
            at = waiting.pop()
            group.append(at)
            near = free & (low <= high[at]).all(axis=1) & (high >= low[at]).all(axis=1)
            free &= ~near
            waiting += np.flatnonzero(near).tolist()
        groups.append([shapes[at] for at in sorted(group)])
    return groups


def _grid(group: Sequence[Drawn]) -> Grid:
    upright: list[Edge] = []
    level: list[Edge] = []
    for shape in group:
        if shape.kind == "box":
            upright += [(x, shape.bottom, shape.top) for x in (shape.left, shape.right)]
            level += [(y, shape.left, shape.right) for y in (shape.top, shape.bottom)]
        elif shape.level:
            level.append(((shape.top + shape.bottom) / 2, shape.left, shape.right))
        else:
            upright.append(((shape.left + shape.right) / 2, shape.bottom, shape.top))
    left, right = min(shape.left for shape in group), max(shape.right for shape in group)
    bottom, top = min(shape.bottom for shape in group), max(shape.top for shape in group)
    ys = _reaching(level, _ROW_REACH * (right - left))
    xs = _reaching(upright, _COLUMN_REACH * (top - bottom))
    if not upright and len(ys) == 1:
        xs = merged(end for _, low, high in level for end in (low, high))
    boxes = [shape for shape in group if shape.kind == "box" and shape.fill is not None]
    return Grid(left, bottom, right, top, xs, ys[::-1], upright, level, boxes)


def _reaching(edges: Sequence[Edge], least: float) -> list[float]:
    """Return the places at which edges cover at least so many points together."""
    found = []
    for place in merged(place for place, _, _ in edges):
        covered, end = 0.0, -float("inf")
        for _, low, high in sorted((edge for edge in edges if abs(edge[0] - place) <= _SAME), key=lambda edge: edge[1]):
            covered += max(0.0, high - max(low, end))
            end = max(end, high)
        if covered >= least:
            found.append(place)
    return found


def merged(places: Iterable[float]) -> list[float]:
    """Return places in rising order, those that are nearly one as their middle."""
    runs: list[list[float]] = []
    for place in sorted(places):
        if runs and place - runs[-1][0] <= _SAME:
            runs[-1].append(place)
        else:
            runs.append([place])
    return [(run[0] + run[-1]) / 2 for run in runs]
