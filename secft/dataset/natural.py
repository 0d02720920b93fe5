"""Natural order, by which CWE-9 comes before CWE-79."""

from __future__ import annotations

import re

_PART = re.compile(r"\d+|\D+")


def natural(identifier: str) -> list[tuple[int, int, str]]:
    """Return a sorting key by which CWE-9 comes before CWE-79."""
    parts = _PART.findall(identifier)
    return [(0, int(part), "") if part.isascii() and part.isdigit() else (1, 0, part) for part in parts]


def natural_bytes(identifier: str) -> bytes:
    """Return bytes that compare with others as natural does; in many arrays they need a fraction of its memory.

    A number is its length without leading zeros and its digits, a text is ended by a byte that is in no other.
    """
    parts = []
    for part in _PART.findall(identifier):
        if part.isascii() and part.isdigit():
            digits = (part.lstrip("0") or "0").encode()
            parts.append(b"\x01" + len(digits).to_bytes(4) + digits)
        else:
            text = part.encode("utf-8", "surrogatepass").replace(b"\x00", b"\x00\xff")
            parts.append(b"\x02" + text + b"\x00")
    return b"".join(parts)
