"""Segments: runs of words on one line of a page, with their places."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from itertools import pairwise
from typing import Any

import numpy as np
from numpy.typing import NDArray

from secft.dataset.sources.pdf.grids import Grid

_SPACES = np.array([0x09, 0x0A, 0x0D, 0x20, 0xA0], dtype=np.uint16)
_BREAKS = np.array([0x02, 0xFFFE], dtype=np.uint16)
"""PDFium writes one of these for a hyphen at the end of a line and drops the line break."""
_GAP = 0.9
"""Words further apart than this part of a line's height belong to different segments."""
_LEVEL = 0.35
"""Words whose base lines differ by more than this part of their height stand on different lines."""


@dataclass(slots=True)
class Segment:
    """A run of words on one line; lengths in points, the origin is the lower left corner of the page.

    Attributes:
        text: its words, single spaces between them; ends in a hyphen where a word was divided.
        left, right, bottom, top: its box, with room for ascenders and descenders.
        size: height of the font of a word in the middle; the sign before a list item may be larger.
        bold: the first, the middle and the last word are bold.
        mono: the font has a fixed pitch.
        order: position in the page's content, as the program that made the file wrote it.
        words: left and right end of each word of the text; empty where they are not known.
    """

    text: str
    left: float
    right: float
    bottom: float
    top: float
    size: float
    bold: bool
    mono: bool
    order: int
    words: tuple[tuple[float, float], ...] = ()

    @property
    def height(self) -> float:
        """Height of the box."""
        return self.top - self.bottom

    @property
    def middle(self) -> float:
        """Height of its middle on the page."""
        return (self.top + self.bottom) / 2

    def cut(self, places: Sequence[float]) -> list[Segment]:
        """Return the segment cut at places across the page, each word on the side where its middle is."""
        if len(self.words) < 2 or not any(self.left < place < self.right for place in places):
            return [self]
        texts = self.text.split(" ")
        slots = [sum(1 for place in places if (left + right) / 2 > place) for left, right in self.words]
        starts = [0, *(at for at in range(1, len(slots)) if slots[at] != slots[at - 1]), len(slots)]
        return [
            replace(
                self,
                text=" ".join(texts[a:b]),
                left=self.words[a][0],
                right=self.words[b - 1][1],
                words=self.words[a:b],
            )
            for a, b in pairwise(starts)
        ]


@dataclass(slots=True)
class PdfPage:
    """One page.

    Attributes:
        number: from 1.
        width, height: in points, as it is read.
        segments: in the order of the content.
        turned: text that stands upright where the page lies, such as the heads of narrow columns.
        grids: where lines and boxes divide the page into columns, from top to bottom.
    """

    number: int
    width: float
    height: float
    segments: list[Segment]
    turned: list[Segment] = field(default_factory=list)
    grids: list[Grid] = field(default_factory=list)


def whole(text: str) -> str:
    """Join the two halves of characters beyond 16 bits."""
    return text if text.isascii() else text.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "replace")


def words_of(codes: NDArray[np.uint16]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Return where words start and where they end (exclusive); a hyphen that ends a line ends a word."""
    inside = ~np.isin(codes, _SPACES)
    before = np.concatenate(([False], inside[:-1] & ~np.isin(codes[:-1], _BREAKS)))
    after = np.concatenate((inside[1:] & ~np.isin(codes[:-1], _BREAKS), [False]))
    return np.flatnonzero(inside & ~before), np.flatnonzero(inside & ~after) + 1


def upright(first: NDArray[np.float32], last: NDArray[np.float32], turn: int) -> tuple[NDArray[np.float32], ...]:
    """Return left, bottom, right and top of words from the boxes of their first and last characters, turned upright."""
    sides = {"left": 0, "top": 1, "right": 2, "bottom": 3}
    names = ("left", "bottom", "right", "top")
    signs = {0: (1, 1, 1, 1), 1: (1, -1, 1, -1), 2: (-1, -1, -1, -1), 3: (-1, 1, -1, 1)}[max(turn, 0)]
    turned = names[max(turn, 0) :] + names[: max(turn, 0)] if turn > 0 else names
    edges = [sides[name] for name in turned]
    left, bottom, right, top = (sign * first[:, edge] for sign, edge in zip(signs, edges, strict=True))
    # The first character of a word that is read from right to left stands on its right.
    left, right = np.minimum(left, signs[0] * last[:, edges[0]]), np.maximum(right, signs[2] * last[:, edges[2]])
    return left, bottom, right, top


def cuts_of(
    left: NDArray[np.float32], bottom: NDArray[np.float32], right: NDArray[np.float32], top: NDArray[np.float32]
) -> NDArray[np.int64]:
    """Return the indexes of words that start a segment: on another line than the word before, or far from it."""
    height = np.maximum(np.minimum(top[1:] - bottom[1:], top[:-1] - bottom[:-1]), 1.0)
    gap = (left[1:] - right[:-1]) / height
    moved = np.abs(bottom[1:] - bottom[:-1]) > _LEVEL * height
    return np.concatenate(([0], np.flatnonzero(moved | (gap > _GAP) | (gap < -_GAP)) + 1))


def origin(turn: int, box: Any) -> tuple[float, float]:
    """Return by how much upright boxes move right and up, so that the page's lower left corner is the origin."""
    return {
        1: (-box.bottom, box.right),
        2: (box.right, box.top),
        3: (box.top, -box.left),
    }.get(turn, (-box.left, -box.bottom))
