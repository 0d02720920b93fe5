"""Natural order, by which CWE-9 comes before CWE-79, as bytes that sort in it."""

from __future__ import annotations

import re

_PART = re.compile(r"\d+|\D+")


def natural_bytes(identifier: str) -> bytes:
    """Return bytes that compare with others as secft.dataset.sources.natural does; numbers come before text.

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
