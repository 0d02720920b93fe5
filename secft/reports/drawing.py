"""What charts are drawn with: lines, bars and texts as SVG, and round numbers for axes."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

from markupsafe import Markup

Point = tuple[float, float]
WIDTH = 720
"""Units of a chart from left to right; the page scales it."""


def svg(
    height: float, name: str, title: str, description: str, parts: Sequence[Markup], width: float = WIDTH
) -> Markup:
    """Return a chart of parts, with a title and a description in words; the name is unique on its page."""
    head = Markup(
        '<svg class="chart" viewBox="0 0 {w:.0f} {h:.0f}" role="img" aria-labelledby="{n}-t {n}-d">'
        '<title id="{n}-t">{t}</title><desc id="{n}-d">{d}</desc>'
    ).format(w=width, h=height, n=name, t=title, d=description)
    return head + Markup("").join(parts) + Markup("</svg>")


def text(x: float, y: float, words: Any, css: str = "", anchor: str = "start") -> Markup:
    """Return a text at a point."""
    return Markup('<text x="{:.1f}" y="{:.1f}" class="{}" text-anchor="{}">{}</text>').format(x, y, css, anchor, words)


def line(start: Point, end: Point, css: str) -> Markup:
    """Return a line between two points."""
    template = Markup('<line x1="{:.1f}" y1="{:.1f}" x2="{:.1f}" y2="{:.1f}" class="{}"/>')
    return template.format(*start, *end, css)


def bar(x: float, y: float, width: float, height: float, css: str) -> Markup:
    """Return a bar with its upper left corner; something is seen of the smallest one."""
    template = Markup('<rect x="{:.1f}" y="{:.1f}" width="{:.1f}" height="{:.1f}" rx="2" class="{}"/>')
    return template.format(x, y, max(width, 0.5), height, css)


def nice_ticks(low: float, high: float, count: int = 5) -> list[float]:
    """Return round numbers that cover a range.

    Source: Heckbert 1990, Nice Numbers for Graph Labels, Graphics Gems.
    """
    if not high > low:
        high = low + max(abs(low), 1.0) * 0.1
    raw = (high - low) / max(count - 1, 1)
    magnitude = 10.0 ** math.floor(math.log10(raw))
    step = next(nice for nice in (1, 2, 2.5, 5, 10) if nice * magnitude >= raw * 0.999) * magnitude
    first = math.floor(low / step + 1e-9)
    ticks = [first * step]
    while ticks[-1] < high - step * 1e-9:
        ticks.append((first + len(ticks)) * step)
    return [round(tick, 12) for tick in ticks]
