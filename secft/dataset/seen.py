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

    def add(self, identifier: str) -> bool:
        """Add an id and return whether it is new."""
        data = hashlib.blake2b(identifier.encode("utf-8", "surrogatepass"), digest_size=16).digest()
        low, high = _PAIR.unpack(data)
        if not self._put(low or 1, high):  # zero marks an empty slot
            return False
        self._count += 1
        if self._count * 3 > len(self._low) * 2:
            self._grow()
        return True

    def _put(self, low: int, high: int) -> bool:
        lows, last = self._low, len(self._low) - 1
        place = high & last
        while found := lows[place]:
            if found == low and self._high[place] == high:
                return False
            place = (place + 1) & last
        lows[place], self._high[place] = low, high
        return True

    def _grow(self) -> None:
        lows, highs = self._low, self._high
        self._low, self._high = _slots(2 * len(lows)), _slots(2 * len(lows))
        for low, high in zip(lows, highs, strict=True):
            if low:
                self._put(low, high)


def _slots(number: int) -> array[int]:
    return array("Q", bytes(8 * number))
