"""What is drawn on a page: lines and boxes, which tables are made of, and small drawings, which may be marks."""

from __future__ import annotations

import ctypes
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Literal

_MOST = 20_000
"""Objects of a page; drawings of more hold no table."""
_MOST_SEGMENTS = 400
_THIN = 3.0
"""Points; what is thinner is a line."""
_DRAWING = 24.0
"""Points; larger drawings are pictures."""
_DEEPEST = 3
Color = tuple[int, int, int]
Matrix = tuple[float, float, float, float, float, float]
_AS_IT_IS: Matrix = (1.0, 0.0, 0.0, 1.0, 0.0, 0.0)


@dataclass(frozen=True, slots=True)
class Drawn:
    """A line, a box, or a small drawing or picture; lengths in points, the origin is the page's lower left corner.

    Attributes:
        kind: ``line`` (level or upright), ``box``, or ``drawing``.
        left, bottom, right, top: where it is.
        fill: red, green and blue of a box that is filled.
    """

    kind: Literal["line", "box", "drawing"]
    left: float
    bottom: float
    right: float
    top: float
    fill: Color | None = None

    @property
    def level(self) -> bool:
        """Whether it is wider than high."""
        return self.right - self.left >= self.top - self.bottom


def read_shapes(pdfium: Any, page: Any) -> list[Drawn]:
    """Return what is drawn on a page, in the order in which it is drawn; nothing from a page with too much of it.

    Args:
        pdfium: the module pypdfium2.raw.
        page: a page that is loaded.
    """
    count = pdfium.FPDFPage_CountObjects(page)
    if not 0 < count <= _MOST:
        return []
    reader = _ShapeReader(pdfium)
    shapes: list[Drawn] = []
    for index in range(count):
        shapes += reader.shapes_of(pdfium.FPDFPage_GetObject(page, index), _AS_IT_IS, 0)
        if len(shapes) > _MOST:
            return []
    return shapes


class _ShapeReader:
    def __init__(self, pdfium: Any) -> None:
        self._pdfium = pdfium
        self._edges = [ctypes.c_float() for _ in range(4)]
        self._edge_places = [ctypes.byref(edge) for edge in self._edges]
        self._point = [ctypes.c_float(), ctypes.c_float()]
        self._color = [ctypes.c_uint() for _ in range(4)]
        self._fill, self._stroke = ctypes.c_int(), ctypes.c_int()
        self._visited = 0

    def shapes_of(self, item: Any, matrix: Matrix, depth: int) -> Iterator[Drawn]:
        pdfium = self._pdfium
        kind = pdfium.FPDFPageObj_GetType(item)
        if kind == pdfium.FPDF_PAGEOBJ_TEXT:
            return
        if kind == pdfium.FPDF_PAGEOBJ_FORM and depth < _DEEPEST:
            inner = _times(self._matrix(item), matrix)
            for index in range(min(pdfium.FPDFFormObj_CountObjects(item), _MOST)):
                self._visited += 1
                if self._visited > _MOST:
                    return
                yield from self.shapes_of(pdfium.FPDFFormObj_GetObject(item, index), inner, depth + 1)
        elif kind in (pdfium.FPDF_PAGEOBJ_PATH, pdfium.FPDF_PAGEOBJ_IMAGE) and pdfium.FPDFPageObj_GetBounds(
            item, *self._edge_places
        ):
            left, bottom, right, top = (edge.value for edge in self._edges)
            box = _placed((left, bottom, right, top), matrix)
            yield from _drawing(*box) if kind == pdfium.FPDF_PAGEOBJ_IMAGE else self._path(item, box, matrix)

    def _path(self, item: Any, box: tuple[float, float, float, float], matrix: Matrix) -> Iterator[Drawn]:
        width, height = box[2] - box[0], box[3] - box[1]
        self._pdfium.FPDFPath_GetDrawMode(item, self._fill, self._stroke)
        filled, stroked = bool(self._fill.value), bool(self._stroke.value)
        if not (filled or stroked):
            return
        if min(width, height) <= _THIN:
            if max(width, height) > _THIN:
                yield Drawn("line", *box)
            return
        count = self._pdfium.FPDFPath_CountSegments(item)
        parts = list(self._straight(item, count, _times(self._matrix(item), matrix))) if count <= _MOST_SEGMENTS else []
        if not parts:
            yield from _drawing(*box)
        elif count <= 6 and len(parts) >= 3:
            yield Drawn("box", *box, self._color_of(item) if filled else None)
        else:
            yield from parts

    def _straight(self, item: Any, count: int, matrix: Matrix) -> Iterator[Drawn]:
        """Yield the lines of a path that has only level and upright ones, nothing of another path."""
        pdfium = self._pdfium
        lines: list[Drawn] = []
        x = y = 0.0
        for index in range(count):
            segment = pdfium.FPDFPath_GetPathSegment(item, index)
            kind = pdfium.FPDFPathSegment_GetType(segment)
            pdfium.FPDFPathSegment_GetPoint(segment, *self._point)
            to_x, to_y = _point(self._point[0].value, self._point[1].value, matrix)
            if kind == pdfium.FPDF_SEGMENT_LINETO:
                if min(abs(to_x - x), abs(to_y - y)) > 0.5:
                    return
                lines.append(Drawn("line", min(x, to_x), min(y, to_y), max(x, to_x), max(y, to_y)))
            elif kind != pdfium.FPDF_SEGMENT_MOVETO:
                return
            x, y = to_x, to_y
        yield from lines

    def _matrix(self, item: Any) -> Matrix:
        matrix = self._pdfium.FS_MATRIX()
        if not self._pdfium.FPDFPageObj_GetMatrix(item, matrix):
            return _AS_IT_IS
        return matrix.a, matrix.b, matrix.c, matrix.d, matrix.e, matrix.f

    def _color_of(self, item: Any) -> Color | None:
        if not self._pdfium.FPDFPageObj_GetFillColor(item, *self._color) or self._color[3].value < 16:
            return None
        red, green, blue = (part.value for part in self._color[:3])
        return red, green, blue


def _drawing(left: float, bottom: float, right: float, top: float) -> Iterator[Drawn]:
    if _THIN < right - left <= _DRAWING and _THIN < top - bottom <= _DRAWING:
        yield Drawn("drawing", left, bottom, right, top)


def _times(one: Matrix, other: Matrix) -> Matrix:
    """Return the matrix that applies ``one``, then ``other``."""
    a, b, c, d, e, f = one
    g, h, i, j, k, m = other
    return a * g + b * i, a * h + b * j, c * g + d * i, c * h + d * j, e * g + f * i + k, e * h + f * j + m


def _point(x: float, y: float, matrix: Matrix) -> tuple[float, float]:
    a, b, c, d, e, f = matrix
    return a * x + c * y + e, b * x + d * y + f


def _placed(box: tuple[float, float, float, float], matrix: Matrix) -> tuple[float, float, float, float]:
    if matrix is _AS_IT_IS:
        return box
    corners = [_point(x, y, matrix) for x in box[::2] for y in box[1::2]]
    xs, ys = [x for x, _ in corners], [y for _, y in corners]
    return min(xs), min(ys), max(xs), max(ys)
