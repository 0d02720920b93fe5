"""Tables and sizes as plain text, the same on a terminal and in a pipe."""

from __future__ import annotations

import re
from collections.abc import Container, Mapping, Sequence

_CONTROL = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u200b-\u200f\u202a-\u202e\u2060-\u2069\ud800-\udfff]")
"""What could command a terminal, hide or reorder text, or is no character at all."""


def columns(header: Sequence[str], rows: Sequence[Sequence[object]], numbers: Container[int] = ()) -> str:
    """Return a table with aligned columns.

    Args:
        header: titles.
        rows: cells; numbers are written with separators of thousands.
        numbers: columns that are aligned to the right.
    """
    table = [
        list(header),
        *([(f"{cell:,}" if isinstance(cell, int) else " ".join(str(cell).split())) for cell in row] for row in rows),
    ]
    widths = [max(len(row[place]) for row in table) for place in range(len(header))]
    return "\n".join(_line(row, widths, numbers) for row in table)


def _line(row: Sequence[str], widths: Sequence[int], numbers: Container[int]) -> str:
    cells = enumerate(zip(row, widths, strict=True))
    shown = [text.rjust(width) if place in numbers else text.ljust(width) for place, (text, width) in cells]
    return "  ".join(shown).rstrip()


def plain_text(text: str) -> str:
    """Return a text without what could command a terminal."""
    return _CONTROL.sub("�", text)


def size(count: int) -> str:
    """Return a number of bytes for people: ``512 B``, ``1.2 MiB``."""
    amount = float(count)
    for unit in ("B", "KiB", "MiB", "GiB"):
        if amount < 1024:
            return f"{amount:.0f} {unit}" if unit == "B" else f"{amount:.1f} {unit}"
        amount /= 1024
    return f"{amount:.1f} TiB"


def shares_text(shares: Mapping[str, float]) -> str:
    """Return shares of 1 for people, such as ``en 94 %, es 4 %, unknown <1 %``."""
    return ", ".join(f"{name} {f'{100 * share:.0f}' if share >= 0.01 else '<1'} %" for name, share in shares.items())
