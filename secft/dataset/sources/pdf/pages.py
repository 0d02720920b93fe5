"""Read the text of PDF pages with its places.

PDFium is asked for the whole text of a page at once, then for two boxes a word and a few fonts a segment; a call for
every character would cost more than everything else.
"""

from __future__ import annotations

import ctypes
import math
from collections import deque
from dataclasses import replace
from itertools import repeat
from typing import Any

import numpy as np
from numpy.typing import NDArray

from secft.dataset.sources.pdf.grids import grids_of
from secft.dataset.sources.pdf.segments import PdfPage, Segment, cuts_of, origin, upright, whole, words_of
from secft.dataset.sources.pdf.shapes import Drawn, read_shapes
from secft.dataset.sources.pdf.words import SYMBOLS

_HYPHENS = str.maketrans({"\x02": "-", "\ufffe": "-", "\x00": None})
_SAMPLES = 16
_OBLIQUE = 0.1
_FORCE_BOLD, _FIXED_PITCH = 1 << 18, 1
_BOLD_NAMES = ("bold", "black", "heavy", "demi")
_MONO_NAMES = ("mono", "courier", "consol", "menlo")


class Pages:
    """Reads pages one by one into memory that is used again."""

    def __init__(self, document: Any) -> None:
        import pypdfium2.raw as pdfium

        self._pdfium = pdfium
        self._document = document
        self._matrix, self._flags = pdfium.FS_MATRIX(), ctypes.c_int()
        self._name = ctypes.create_string_buffer(96)
        self._fonts: dict[tuple[bytes, int], tuple[bool, bool, bool]] = {}
        self._room(4096)

    def _room(self, count: int) -> None:
        """Make room for the boxes of so many characters."""
        self._boxes = (self._pdfium.FS_RECTF * count)()
        base, step = ctypes.addressof(self._boxes), ctypes.sizeof(self._pdfium.FS_RECTF)
        kind = ctypes.POINTER(self._pdfium.FS_RECTF)
        self._places = [ctypes.cast(base + step * index, kind) for index in range(count)]
        self._view = np.frombuffer(self._boxes, dtype=np.float32).reshape(count, 4)

    def read(self, index: int) -> PdfPage | None:
        """Return a page by its index from 0, or None if it cannot be loaded."""
        pdfium = self._pdfium
        page = pdfium.FPDF_LoadPage(self._document, index)
        if not page:
            return None
        try:
            text = pdfium.FPDFText_LoadPage(page)
            if not text:
                return None
            try:
                box = pdfium.FS_RECTF()
                pdfium.FPDF_GetPageBoundingBox(page, ctypes.byref(box))
                turn, segments, turned = self._segments(text, box)
            finally:
                pdfium.FPDFText_ClosePage(text)
            shapes = self._shapes(page, turn, box)
        finally:
            pdfium.FPDF_ClosePage(page)
        width, height = abs(box.right - box.left), abs(box.top - box.bottom)
        size = (height, width) if turn % 2 else (width, height)
        return PdfPage(index + 1, *size, segments, turned, grids_of(shapes, *size))

    def _shapes(self, page: Any, turn: int, box: Any) -> list[Drawn]:
        """Return what is drawn on a page, turned upright like its text."""
        shapes = read_shapes(self._pdfium, page)
        if not shapes:
            return []
        right, up = origin(turn, box)
        corners = np.array([(shape.left, shape.top, shape.right, shape.bottom) for shape in shapes], dtype=np.float32)
        left, bottom, end, top = (edge.tolist() for edge in upright(corners, corners, turn))
        return [
            replace(shape, left=a + right, bottom=b + up, right=c + right, top=d + up)
            for shape, a, b, c, d in zip(shapes, left, bottom, end, top, strict=True)
        ]

    def _segments(self, text: Any, page: Any) -> tuple[int, list[Segment], list[Segment]]:
        """Return how the text of a page is turned (quarters, counterclockwise), and its segments as turned upright.

        Those that are turned otherwise, by quarters too, are returned apart.
        """
        codes, content = self._content(text)
        starts, ends = words_of(codes)
        if not len(starts):
            return 0, [], []
        first, last = self._indexes(text, codes, starts), self._indexes(text, codes, ends - 1)
        turn = self._turn(text, first)
        begins, closes = self._box(text, first), self._box(text, last)
        left, bottom, right, top = upright(begins, closes, turn)
        along, up = origin(turn, page)
        left, right, bottom, top = left + along, right + along, bottom + up, top + up
        cuts = cuts_of(left, bottom, right, top)
        floors, ceilings = np.minimum.reduceat(bottom, cuts).tolist(), np.maximum.reduceat(top, cuts).tolist()
        bounds = zip(cuts.tolist(), [*cuts[1:].tolist(), len(starts)], strict=True)
        lefts, rights = left.tolist(), right.tolist()
        segments, turned = [], []
        for order, (begin, end) in enumerate(bounds):
            words = whole(content[starts[begin] : ends[end - 1]].translate(_HYPHENS)).split()
            angle, size, bold, mono, symbols = self._font(text, first[(begin + end - 1) // 2])
            if angle < 0 or not words:
                continue
            if symbols:
                words = [word.translate(SYMBOLS) for word in words]
            named = begin + 1 if len(words[0]) == 1 and begin + 1 < end else begin
            bold = bold and self._font(text, first[end - 1])[2] and self._font(text, first[named])[2]
            box = lefts[begin], max(rights[end - 1], rights[begin]), floors[order], ceilings[order]
            places = tuple(zip(lefts[begin:end], rights[begin:end], strict=True)) if len(words) == end - begin else ()
            segment = Segment(" ".join(words), *box, size, bold, mono, order, places)
            if angle == turn:
                segments.append(segment)
            else:
                edges = sorted((lefts[begin], rights[begin], lefts[end - 1], rights[end - 1]))
                turned.append(replace(segment, left=edges[0], right=edges[-1], words=()))
        return turn, segments, turned

    def _content(self, text: Any) -> tuple[NDArray[np.uint16], str]:
        """Return the text as UTF-16 units and as a string with one character for each of them."""
        count = self._pdfium.FPDFText_CountChars(text)
        buffer = (ctypes.c_ushort * (2 * count + 2))()
        length = max(0, self._pdfium.FPDFText_GetText(text, 0, count, buffer) - 1)
        codes = np.frombuffer(buffer, dtype=np.uint16)[:length]
        return codes, codes.astype(np.uint32).tobytes().decode("utf-32-le", "surrogatepass")

    def _indexes(self, text: Any, codes: NDArray[np.uint16], at: NDArray[np.int64]) -> list[int]:
        """Turn positions in the text into indexes of characters; they differ where some have no Unicode."""
        if len(codes) == self._pdfium.FPDFText_CountChars(text) and not ((codes & 0xF800) == 0xD800).any():
            found: list[int] = at.tolist()
            return found
        return [max(0, self._pdfium.FPDFText_GetCharIndexFromTextIndex(text, index)) for index in at.tolist()]

    def _box(self, text: Any, indexes: list[int]) -> NDArray[np.float32]:
        """Return shape (n, 4): left, top, right, bottom of characters."""
        if len(indexes) > len(self._places):
            self._room(2 * len(indexes))
        self._view[: len(indexes)] = 0
        deque(map(self._pdfium.FPDFText_GetLooseCharBox, repeat(text), indexes, self._places), maxlen=0)
        return self._view[: len(indexes)].copy()

    def _turn(self, text: Any, first: list[int]) -> int:
        """Return how most of the text of a page is turned, from a few words of it."""
        sample = first[:: max(1, len(first) // _SAMPLES)]
        turns = [self._font(text, index)[0] for index in sample]
        return max(sorted(set(turns)), key=turns.count)

    def _font(self, text: Any, index: int) -> tuple[int, float, bool, bool, bool]:
        """Return the style of a character.

        Returns:
            Its direction in quarters of a turn (-1 if it stands obliquely), its size in points, and whether its font
            is bold, of fixed pitch, and one of symbols.
        """
        pdfium, matrix, flags, name = self._pdfium, self._matrix, self._flags, self._name
        size = pdfium.FPDFText_GetFontSize(text, index)
        quarters = 0.0
        if pdfium.FPDFText_GetMatrix(text, index, matrix):
            size *= math.hypot(matrix.c, matrix.d)
            quarters = math.atan2(matrix.b, matrix.a) / (math.pi / 2)
        pdfium.FPDFText_GetFontInfo(text, index, name, len(name), flags)
        key = (name.value, flags.value)
        if key not in self._fonts:
            self._fonts[key] = _style(*key)
        nearest = round(quarters)
        turn = nearest % 4 if abs(quarters - nearest) < _OBLIQUE else -1
        return (turn, round(size * 2) / 2, *self._fonts[key])


def _style(name: bytes, flags: int) -> tuple[bool, bool, bool]:
    known = name.decode("utf-8", "replace").lower()
    bold = bool(flags & _FORCE_BOLD) or any(part in known for part in _BOLD_NAMES)
    mono = bool(flags & _FIXED_PITCH) or any(part in known for part in _MONO_NAMES)
    return bold, mono, "wingdings" in known
