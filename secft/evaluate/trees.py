"""One forward pass for a prompt and all of its continuations.

A row holds the prompt once, followed by every continuation without its last token. Attention lets each
continuation see the prompt and itself, never its neighbours, and positions go on from the end of the prompt, so
that each token is computed exactly as if its continuation stood alone. With fourteen choices of a few tokens
this costs about a tenth of fourteen full passes.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch


@dataclass(frozen=True)
class Tree:
    """A prompt and the continuations to be scored after it.

    Attributes:
        context: token ids of the prompt, one at least.
        branches: token ids of each continuation, one at least.
    """

    context: tuple[int, ...]
    branches: tuple[tuple[int, ...], ...]

    @property
    def length(self) -> int:
        """Tokens of the row."""
        return len(self.context) + sum(len(branch) - 1 for branch in self.branches)

    def cut(self, most: int) -> Tree:
        """Drop the beginning of a prompt that, with its longest continuation, exceeds the model's context."""
        room = max(1, most - max(len(branch) for branch in self.branches) + 1)
        return Tree(self.context[-room:], self.branches)


@dataclass(frozen=True)
class TreeBatch:
    """Rows of several trees, padded on the right.

    Attributes:
        input_ids: shape (rows, length).
        position_ids: shape (rows, length).
        mask: shape (rows, 1, length, length), added to attention scores: 0 or a large negative number.
        at: shape (2, places): row and column of every hidden state that predicts a token.
        scored: shape (3, tokens): index of the place, token id, number of the continuation in the batch.
        continuations: number of continuations in the batch.
    """

    input_ids: torch.Tensor
    position_ids: torch.Tensor
    mask: torch.Tensor
    at: torch.Tensor
    scored: torch.Tensor
    continuations: int


def tree_batch(trees: Sequence[Tree], pad: int, dtype: torch.dtype) -> TreeBatch:
    """Lay trees out as one batch."""
    rows, length = len(trees), max(tree.length for tree in trees)
    input_ids = torch.full((rows, length), pad)
    position_ids = torch.zeros((rows, length), dtype=torch.long)
    # Padding sees itself: a row of attention without anything to see would be undefined.
    visible = torch.eye(length, dtype=torch.bool).repeat(rows, 1, 1)
    places: list[tuple[int, int]] = []
    scored: list[tuple[int, int, int]] = []
    continuations = 0
    for row, tree in enumerate(trees):
        start = len(tree.context)
        input_ids[row, :start] = torch.tensor(tree.context)
        position_ids[row, :start] = torch.arange(start)
        visible[row, :start, :start] = torch.ones(start, start, dtype=torch.bool).tril()
        root = len(places)
        places.append((row, start - 1))
        for branch in tree.branches:
            size = len(branch) - 1
            end = start + size
            input_ids[row, start:end] = torch.tensor(branch[:-1], dtype=torch.long)
            position_ids[row, start:end] = torch.arange(len(tree.context), len(tree.context) + size)
            visible[row, start:end, : len(tree.context)] = True
            visible[row, start:end, start:end] = torch.ones(size, size, dtype=torch.bool).tril()
            own = [root, *range(len(places), len(places) + size)]
            places.extend((row, column) for column in range(start, end))
            scored.extend((place, token, continuations) for place, token in zip(own, branch, strict=True))
            continuations += 1
            start = end
    mask = torch.zeros((rows, 1, length, length), dtype=dtype)
    mask.masked_fill_(~visible[:, None], torch.finfo(dtype).min)
    return TreeBatch(input_ids, position_ids, mask, torch.tensor(places).T, torch.tensor(scored).T, continuations)


def branch_scores(logits: torch.Tensor, batch: TreeBatch, chunk: int = 64) -> list[tuple[float, bool]]:
    """Sum log-probabilities per continuation.

    Args:
        logits: shape (places, vocabulary), of the places in ``batch.at``.
        batch: the rows that were run.
        chunk: places whose logits are held in float32 at a time; a few fit the processor's cache.

    Returns:
        (log-likelihood, whether greedy decoding would say it) per continuation.
    """
    place, token, owner = batch.scored.to(logits.device)
    totals, best = [], []
    for part in torch.split(logits, chunk):
        wide = part.float()
        totals.append(wide.logsumexp(dim=-1))
        best.append(part.max(dim=-1).indices)
    steps = logits[place, token].float() - torch.cat(totals)[place]
    missed = (torch.cat(best)[place] != token).float()
    empty = torch.zeros(batch.continuations, device=logits.device)
    sums = empty.double().index_add(0, owner, steps.double()).tolist()
    misses = empty.index_add(0, owner, missed).tolist()
    return [(float(total), miss == 0) for total, miss in zip(sums, misses, strict=True)]
