"""How the examples of a flat batch lie in the padded head buffers of attention."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch

# Few distinct lengths mean few distinct matrix shapes, and the library prepares a kernel for each shape.
LENGTH_STEP = 32


def round_up(value: int, step: int = LENGTH_STEP) -> int:
    """Round up to a multiple of ``step``."""
    return -(-value // step) * step


@dataclass(frozen=True)
class LengthBucket:
    """Examples of one padded length, stored one after the other.

    Attributes:
        offset: first row of the bucket (rows are counted per head).
        count: examples in it.
        padded: rows of each example.
        examples: their indices in the layout's order.
    """

    offset: int
    count: int
    padded: int
    examples: range


@dataclass(frozen=True)
class Layout:
    """Examples sorted by padded length, longest first.

    Attributes:
        start: (N,) first token of each example in the flat batch.
        length: (N,) its tokens.
        padded: (N,) its rows in a head buffer.
        offset: (N,) its first row there.
        rows: rows of a head buffer in all.
        tokens: tokens of the flat batch, without tail padding.
        buckets: runs of equal padded length.
    """

    start: torch.Tensor
    length: torch.Tensor
    padded: torch.Tensor
    offset: torch.Tensor
    rows: int
    tokens: int
    buckets: tuple[LengthBucket, ...]

    @classmethod
    def of(cls, lengths: Sequence[int]) -> Layout:
        """Lay out examples that stand one after the other in a flat batch."""
        begins = [0]
        for length in lengths:
            begins.append(begins[-1] + length)
        order = sorted(range(len(lengths)), key=lambda i: (-round_up(lengths[i]), i))
        padded = [round_up(lengths[i]) for i in order]
        offsets = [0]
        for rows in padded:
            offsets.append(offsets[-1] + rows)
        buckets: list[LengthBucket] = []
        for index, rows in enumerate(padded):
            if buckets and buckets[-1].padded == rows:
                last = buckets[-1]
                buckets[-1] = LengthBucket(last.offset, last.count + 1, rows, range(last.examples.start, index + 1))
            else:
                buckets.append(LengthBucket(offsets[index], 1, rows, range(index, index + 1)))
        return cls(
            start=torch.tensor([begins[i] for i in order]),
            length=torch.tensor([lengths[i] for i in order]),
            padded=torch.tensor(padded),
            offset=torch.tensor(offsets[:-1]),
            rows=offsets[-1],
            tokens=begins[-1],
            buckets=tuple(buckets),
        )
