"""How the examples of a flat batch lie in the padded head buffers of attention, and which tokens they share."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import accumulate, pairwise

import torch
from torch.nn import functional

from secft.train.template import IGNORED

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
    """Examples sorted by padded length, longest first, and which of their tokens are computed once for several.

    Examples that begin alike have the same hidden states there: positions restart in each, and attention looks back.
    So the rows of everything but attention are U distinct tokens, and an example finds its own by ``place``. A token is
    shared only before the first position with a label, whose predictions count for one example each.

    Attributes:
        first: (U,) the position in the flat batch that each distinct token is read from.
        place: (T,) the distinct token at each position of the flat batch.
        start: (N,) first position of each example in the flat batch.
        length: (N,) its tokens.
        shared: (N,) how many of its leading tokens an earlier example of the flat batch has, too.
        padded: (N,) its rows in a head buffer.
        offset: (N,) its first row there.
        copy_begin: (U + 1,) where the copies of each distinct token begin in the next two; its own is the first.
        copy_example: (T,) the example of each copy, in this layout's order.
        copy_position: (T,) its place within that example.
        rows: rows of a head buffer in all.
        tokens: distinct tokens, U, without tail padding.
        buckets: runs of equal padded length.
    """

    first: torch.Tensor
    place: torch.Tensor
    start: torch.Tensor
    length: torch.Tensor
    shared: torch.Tensor
    padded: torch.Tensor
    offset: torch.Tensor
    copy_begin: torch.Tensor
    copy_example: torch.Tensor
    copy_position: torch.Tensor
    rows: int
    tokens: int
    buckets: tuple[LengthBucket, ...]

    @classmethod
    def of(cls, batch: Mapping[str, torch.Tensor]) -> Layout:
        """Lay out the examples of a flat batch as ``rows.collate`` makes it."""
        lengths = batch["lengths"].tolist()
        begins = [0, *accumulate(lengths)]
        order = sorted(range(len(lengths)), key=lambda i: (-round_up(lengths[i]), i))
        padded = [round_up(lengths[i]) for i in order]
        offsets = [0, *accumulate(padded)]
        buckets: list[LengthBucket] = []
        for index, rows in enumerate(padded):
            if buckets and buckets[-1].padded == rows:
                last = buckets[-1]
                buckets[-1] = LengthBucket(last.offset, last.count + 1, rows, range(last.examples.start, index + 1))
            else:
                buckets.append(LengthBucket(offsets[index], 1, rows, range(index, index + 1)))
        first, place = torch.unique(_earliest(batch, begins), return_inverse=True)
        start, length = torch.tensor([begins[i] for i in order]), torch.tensor([lengths[i] for i in order])
        example = torch.repeat_interleave(torch.argsort(torch.tensor(order)), batch["lengths"])
        foreign = first[place] != torch.arange(len(place))
        copies = torch.argsort(place, stable=True)
        return cls(
            first=first,
            place=place,
            start=start,
            length=length,
            shared=torch.zeros_like(start).index_add_(0, example, foreign.long()),
            padded=torch.tensor(padded),
            offset=torch.tensor(offsets[:-1]),
            copy_begin=functional.pad(torch.bincount(place).cumsum(0), (1, 0)),
            copy_example=example[copies].contiguous(),
            copy_position=(copies - start[example[copies]]).contiguous(),
            rows=offsets[-1],
            tokens=len(first),
            buckets=tuple(buckets),
        )


def _earliest(batch: Mapping[str, torch.Tensor], begins: Sequence[int]) -> torch.Tensor:
    """Return for each position the first of the flat batch that has the same tokens since its example began, (T,)."""
    ids, trained = batch["input_ids"].tolist(), (batch["labels"] != IGNORED).tolist()
    earliest = torch.arange(len(ids))
    prompts = sorted(
        (ids[begin : trained.index(True, begin, end) if any(trained[begin:end]) else end], begin)
        for begin, end in pairwise(begins)
    )
    for (before, above), (prompt, begin) in pairwise(prompts):
        same = next(
            (i for i, (a, b) in enumerate(zip(before, prompt, strict=False)) if a != b), min(len(before), len(prompt))
        )
        earliest[begin : begin + same] = earliest[above : above + same]
    kinds, kind = torch.unique(earliest, return_inverse=True)
    return torch.full_like(kinds, len(ids)).scatter_reduce_(0, kind, torch.arange(len(ids)), "amin")[kind]
