"""Which ids came before, in a few bytes each."""

from __future__ import annotations

import hashlib
import struct
from array import array

_PAIR = struct.Struct("<QQ")
_FIRST_SLOTS = 1 << 10


class SeenIds:
    """A set of ids that keeps 128 bits of each: 24 to 48 bytes, where a set of strings takes more than a hundred.

    That two different ids share 128 bits will not happen: for 10^8 ids the chance is one in 10^22.
    """

    def __init__(self) -> None:
        self._count = 0
        self._low, self._high = _slots(_FIRST_SLOTS), _slots(_FIRST_SLOTS)

    def __len__(self) -> int:
        return self._count

    def __contains__(self, identifier: object) -> bool:
        if not isinstance(identifier, str):
            return False
        low, high = _bits(identifier)
        return self._low[self._place(low, high)] != 0

    def add(self, identifier: str) -> bool:
        """Add an id and return whether it is new."""
        low, high = _bits(identifier)
        place = self._place(low, high)
        if self._low[place]:
            return False
        self._low[place], self._high[place] = low, high
        self._count += 1
        if self._count * 3 > len(self._low) * 2:
            self._grow()
        return True

    def _place(self, low: int, high: int) -> int:
        """Return the slot in which an id is, or could be put."""
        lows, last = self._low, len(self._low) - 1
        place = high & last
        while (found := lows[place]) and (found != low or self._high[place] != high):
            place = (place + 1) & last
        return place

    def _grow(self) -> None:
        lows, highs = self._low, self._high
        self._low, self._high = _slots(2 * len(lows)), _slots(2 * len(lows))
        for low, high in zip(lows, highs, strict=True):
            if low:
                place = self._place(low, high)
                self._low[place], self._high[place] = low, high


def _bits(identifier: str) -> tuple[int, int]:
    data = hashlib.blake2b(identifier.encode("utf-8", "surrogatepass"), digest_size=16).digest()
    low, high = _PAIR.unpack(data)
    return low or 1, high  # zero marks an empty slot


def _slots(number: int) -> array[int]:
    return array("Q", bytes(8 * number))
