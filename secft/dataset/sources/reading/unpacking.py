"""How much packed files may unpack to, and which kinds of packing are undone at all.

What a file may cost grows with its size: real texts shrink to a twentieth, those of machines to a fiftieth, and a bomb
to a thousandth. Only DEFLATE is undone, since its ratio is bounded and Python gives it out piece by piece; LZMA and
bzip2 members of zip archives turn a few bytes into gigabytes in one step.
"""

from __future__ import annotations

import gzip
import io
import zipfile
from typing import BinaryIO, cast

RATIO = 100
"""Bytes that each byte of a packed file may stand for."""
WHOLE, STREAM = 16 << 20, 64 << 20
"""Bytes that any packed file may stand for: one that is read whole, and one that is read piece by piece."""
METHODS = (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED)
"""How members of zip archives may be packed."""
REMEDY = "unpack it yourself if you trust it"


class BombError(ValueError):
    """A file unpacks to far more than files of its size do."""


def allowed(packed: int, least: int) -> int:
    """Return how many bytes a packed file of some bytes may unpack to."""
    return least + RATIO * packed


class _UnpackedBytes(io.RawIOBase):
    """Unpacked bytes, counted."""

    def __init__(self, unpacked: BinaryIO, most: int) -> None:
        self._unpacked, self._left = unpacked, most

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: memoryview) -> int:  # type: ignore[override]  # what BufferedReader gives
        data = self._unpacked.read(len(buffer))
        self._left -= len(data)
        if self._left < 0:
            raise BombError(f"unpacks to more than {RATIO} times its size; {REMEDY}")
        buffer[: len(data)] = data
        return len(data)


def unpacked_gzip(stream: BinaryIO, packed: int) -> BinaryIO:
    """Return the content of a gzip file of some bytes as a stream.

    Raises:
        BombError: while it is read: it unpacks to more than allowed.
    """
    return cast(
        BinaryIO, io.BufferedReader(_UnpackedBytes(cast(BinaryIO, gzip.open(stream)), allowed(packed, STREAM)), 1 << 17)
    )
