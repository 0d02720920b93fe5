"""SVG charts drawn here: no library, no script, no request. Colours come from the page's style sheet.

Every chart carries a title and a description in words, so that a screen reader tells the same numbers.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

from markupsafe import Markup, escape

from secft.documents.dataset_manifest import FunnelStep
from secft.reasons import reason_text
from secft.reports.drawing import Point, bar, line, nice_ticks, svg, text
from secft.reports.figures import ResultRow

_LABEL_CHARACTERS = 22


def before_after(rows: Sequence[ResultRow], name: str) -> Markup:
    """Draw base and candidate as bars with their intervals, one pair per metric.

    Args:
        rows: rows of one scale: all shares, or all perplexities.
        name: unique on the page.
    """
    rows = [row for row in rows if any(row.numbers.values())]
    if not rows:
        return Markup('<p class="quiet">Nothing was measured on this scale.</p>')
    share = rows[0].share
    tops = [numbers[2] for row in rows for numbers in row.numbers.values() if numbers]
    ticks = [0.0, 0.25, 0.5, 0.75, 1.0] if share else nice_ticks(0.0, max(tops))
    left, right, pitch = 248.0, 640.0, 58.0
    bottom = 14 + pitch * len(rows)

    def x(value: float) -> float:
        return left + (right - left) * min(max(value / ticks[-1], 0.0), 1.0)

    parts = [line((x(tick), 8), (x(tick), bottom), "grid") for tick in ticks]
    parts += [text(x(tick), bottom + 16, f"{tick:.0%}" if share else f"{tick:g}", "tick", "middle") for tick in ticks]
    for index, row in enumerate(rows):
        top = 16 + pitch * index
        parts += [text(0, top + 15, row.title, "label"), text(0, top + 32, row.metric_title, "tick")]
        for offset, side in ((0.0, "base"), (19.0, "candidate")):
            parts += _measured_bar(row.numbers[side], x, left, top + offset, side, share)
    told = "; ".join(f"{row.title}, {row.metric_title}: base {row.base}, candidate {row.candidate}" for row in rows)
    return svg(bottom + 24, name, "Base and candidate with intervals", told, parts)


def _measured_bar(
    numbers: tuple[float, float, float] | None, x: Any, left: float, y: float, css: str, share: bool
) -> list[Markup]:
    if numbers is None:
        return [text(left + 6, y + 12, "not a number", "tick")]
    value, low, high = numbers
    middle = y + 8
    return [
        bar(left, y, x(value) - left, 16, css),
        line((x(low), middle), (x(high), middle), "whisker"),
        line((x(low), middle - 4), (x(low), middle + 4), "whisker"),
        line((x(high), middle - 4), (x(high), middle + 4), "whisker"),
        text(
            x(max(high, value)) + 8, y + 12.5, f"{100 * value:.1f} %" if share else f"{value:.2f}", f"value {css}-text"
        ),
    ]


def _finite_points(metrics: Sequence[Mapping[str, Any]], key: str) -> list[Point]:
    rows = ((row.get("step"), row.get(key)) for row in metrics)
    pairs = [(float(step), float(value)) for step, value in rows if step is not None and value is not None]
    return [(step, value) for step, value in pairs if math.isfinite(value)]


def smoothed(points: Sequence[Point], span: int) -> list[Point]:
    """Average each value with its neighbours, at most ``span`` on each side."""
    values = [value for _, value in points]
    windows = [values[max(0, k - span) : k + span + 1] for k in range(len(values))]
    return [(step, sum(window) / len(window)) for (step, _), window in zip(points, windows, strict=True)]


def training_curve(metrics: Sequence[Mapping[str, Any]], name: str = "loss") -> Markup:
    """Draw training loss (each step, and smoothed) and validation loss over optimizer steps.

    Where answers were rewarded, their mean reward is drawn in place of the loss.
    """
    told = "reward" if any(row.get("reward") is not None for row in metrics) else "loss"
    train, validation = _finite_points(metrics, told), _finite_points(metrics, f"eval_{told}")
    points = [*train, *validation]
    if len(points) < 2:
        return Markup('<p class="quiet">Too few finite values to draw a curve.</p>')
    steps, losses = zip(*points, strict=True)
    y_ticks = nice_ticks(min(losses), max(losses))
    x_ticks = [tick for tick in nice_ticks(min(steps), max(steps), 7) if min(steps) <= tick <= max(steps)]
    left, right, top, bottom = 52.0, 700.0, 14.0, 268.0
    width = max(max(steps) - min(steps), 1.0)

    def place(point: Point) -> Point:
        across = left + (right - left) * (point[0] - min(steps)) / width
        return across, bottom - (bottom - top) * (point[1] - y_ticks[0]) / (y_ticks[-1] - y_ticks[0])

    parts = []
    for tick in y_ticks:
        height = place((min(steps), tick))[1]
        parts += [
            line((left, height), (right, height), "grid"),
            text(left - 8, height + 4, f"{tick:g}", "tick", "end"),
        ]
    parts += [text(place((tick, y_ticks[0]))[0], bottom + 18, f"{tick:g}", "tick", "middle") for tick in x_ticks]
    parts.append(text(right, bottom + 36, "optimizer step", "tick", "end"))
    height_of = "mean reward of answers" if told == "reward" else "loss, nats"
    parts.append(text(left, bottom + 36, height_of, "tick", "start"))
    parts += [_curve([place(point) for point in train], "curve raw")]
    parts += [_curve([place(point) for point in smoothed(train, max(1, len(train) // 40))], "curve candidate-line")]
    parts += [_curve([place(point) for point in validation], "curve validation-line")]
    parts += [
        Markup('<circle cx="{:.1f}" cy="{:.1f}" r="3.5" class="validation-dot"/>').format(*place(point))
        for point in validation
    ]
    return svg(bottom + 42, name, f"{told.capitalize()} during training", _told_values(told, train, validation), parts)


def _curve(points: Sequence[Point], css: str) -> Markup:
    path = " ".join(f"{x:.1f},{y:.1f}" for x, y in points)
    return Markup('<polyline points="{}" class="{}"/>').format(path, css) if len(points) > 1 else Markup("")


def _told_values(what: str, train: Sequence[Point], validation: Sequence[Point]) -> str:
    best_of, word = (max, "highest") if what == "reward" else (min, "lowest")
    told = []
    for title, points in ((f"Training {what}", train), (f"Validation {what}", validation)):
        if points:
            best = best_of(points, key=lambda point: point[1])
            told.append(
                f"{title}: {points[0][1]:.3f} at step {points[0][0]:g}, {points[-1][1]:.3f} at step "
                f"{points[-1][0]:g}, {word} {best[1]:.3f} at step {best[0]:g}"
            )
    return ". ".join(told)


def funnel(
    steps: Sequence[FunnelStep], name: str = "funnel", title: str = "Records that each step let through"
) -> Markup:
    """Draw how many records each step let through."""
    if not steps:
        return Markup('<p class="quiet">The dataset records no steps.</p>')
    most = max(1, *(step.seen for step in steps))
    left, right, pitch = 190.0, 610.0, 34.0
    parts = []
    for index, step in enumerate(steps):
        y = 4 + pitch * index
        seen, kept = ((right - left) * count / most for count in (step.seen, step.kept))
        dropped = step.seen - step.kept
        parts.append(text(0, y + 17, escape(shortened(reason_text(step.step))), "label"))
        parts += [bar(left, y, seen, 24, "dropped")] if dropped else []
        parts.append(bar(left, y, kept, 24, "kept"))
        shown = f"{step.kept:,}" + (f"  (−{dropped:,})" if dropped else "")
        parts.append(text(left + seen + 8, y + 17, shown, "value"))
    told = "; ".join(f"{reason_text(step.step)}: {step.seen} in, {step.kept} kept" for step in steps)
    return svg(6 + pitch * len(steps), name, title, told, parts)


def shortened(label: str) -> str:
    """Return a label that does not run into the bars."""
    return label if len(label) <= _LABEL_CHARACTERS else label[: _LABEL_CHARACTERS - 1] + "…"
