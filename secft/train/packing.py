"""Packing of examples into rows: best fit decreasing, deterministic, no cutting.

A row is a list of whole examples. Attention never crosses from one example to
another and positions restart at zero, so packing changes the batch composition
and nothing else.
"""

from __future__ import annotations

import bisect
import random
from collections.abc import Sequence

from secft.errors import InputError


def pack_rows(lengths: Sequence[int], max_length: int, seed: int) -> list[list[int]]:
    """Group examples into rows of at most ``max_length`` tokens.

    Longest examples first; each goes into the fullest row that still has room. Ties between
    examples of one length are broken by a seeded shuffle, and the finished rows are shuffled, so
    that a row does not collect neighbours of the file.

    Args:
        lengths: tokens of each example.
        max_length: capacity of a row in tokens.
        seed: seed of the shuffles.

    Returns:
        Rows of example indices; every index occurs exactly once.

    Raises:
        InputError: if an example is empty or does not fit into a row.

    Source: best-fit decreasing bin packing, Johnson 1973; at most 11/9 of the optimal number of rows.
    """
    for index, length in enumerate(lengths):
        if not 0 < length <= max_length:
            raise InputError(f"example {index} has {length} tokens; a row holds 1 to {max_length}")
    generator = random.Random(seed)
    order = list(range(len(lengths)))
    generator.shuffle(order)
    order.sort(key=lambda index: -lengths[index])
    rows: list[list[int]] = []
    free: list[tuple[int, int]] = []  # (room left, row), sorted
    for index in order:
        slot = bisect.bisect_left(free, (lengths[index], -1))
        if slot == len(free):
            rows.append([index])
            bisect.insort(free, (max_length - lengths[index], len(rows) - 1))
        else:
            room, row = free.pop(slot)
            rows[row].append(index)
            bisect.insort(free, (room - lengths[index], row))
    generator.shuffle(rows)
    return rows


def unpacked_rows(count: int) -> list[list[int]]:
    """Give every example a row of its own."""
    return [[index] for index in range(count)]
