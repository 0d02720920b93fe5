"""Histograms as SVG: how many examples fall into each bin, the splits on top of each other."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from markupsafe import Markup

from secft.reports.drawing import bar, line, nice_ticks, svg, text

_WIDTH, _HEIGHT, _LEFT, _TOP, _BOTTOM, _MARGIN = 360.0, 168.0, 44.0, 10.0, 134.0, 20.0


def histogram(edges: Sequence[int], bins: Mapping[str, Sequence[int]], name: str, title: str) -> Markup:
    """Draw a histogram; bins that are empty at both ends are left out.

    Args:
        edges: lower bounds of the bins; the last one has no upper bound.
        bins: name of a part -> examples in each bin; the name is the class of its bars too.
        name: unique on the page.
        title: what is counted.
    """
    totals = [sum(numbers) for numbers in zip(*bins.values(), strict=True)]
    filled = [place for place, total in enumerate(totals) if total]
    if not filled:
        return Markup('<p class="quiet">There is nothing to count.</p>')
    shown = range(filled[0], filled[-1] + 1)
    ticks = nice_ticks(0, max(totals), 4)
    pitch = (_WIDTH - _LEFT - _MARGIN) / max(len(shown), 4)
    every = 1 + (len(shown) - 1) // 8

    def y(count: float) -> float:
        return _BOTTOM - (_BOTTOM - _TOP) * count / ticks[-1]

    parts = [line((_LEFT, y(tick)), (_WIDTH, y(tick)), "grid") for tick in ticks]
    parts += [text(_LEFT - 6, y(tick) + 4, f"{tick:,.0f}", "tick", "end") for tick in ticks if tick == int(tick)]
    for place, number in enumerate(shown):
        x, base = _LEFT + 4 + pitch * place, 0
        for part, counts in bins.items():
            if counts[number]:
                parts.append(bar(x, y(base + counts[number]), pitch - 3, y(base) - y(base + counts[number]), part))
                base += counts[number]
    for place, number in enumerate((*shown, shown[-1] + 1)):
        if place % every == 0 and number < len(edges):
            parts.append(text(_LEFT + 3 + pitch * place, _BOTTOM + 15, f"{edges[number]:,}", "tick", "middle"))
    parts.append(text(_WIDTH, _BOTTOM + 31, "tokens", "tick", "end"))
    told = "; ".join(f"from {edges[number]} tokens: {totals[number]}" for number in shown)
    return svg(_HEIGHT, name, title, told, parts, _WIDTH)
