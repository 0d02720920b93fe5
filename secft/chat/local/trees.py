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


def shared_prefix(trees: Sequence[Tree], least: int = 8) -> tuple[int, ...]:
    """Return the tokens that all prompts begin with, such as the system message; empty if they are few.

    Every prompt keeps a token of its own, since something has to predict its continuations.
    """
    if len(trees) < 2:
        return ()
    # What the first and the last in order share, all in between share too.
    first, last = min(tree.context for tree in trees), max(tree.context for tree in trees)
    size = min(len(tree.context) for tree in trees) - 1
    same = next((k for k in range(size) if first[k] != last[k]), size)
    return first[:same] if same >= least else ()


@dataclass(frozen=True)
class TreeBatch:
    """Rows of several trees, padded on the right.

    Attributes:
        input_ids: shape (rows, length).
        position_ids: shape (rows, length).
        mask: shape (rows, 1, length, shared + length), added to attention scores: 0 or a large negative number.
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


def tree_batch(trees: Sequence[Tree], pad: int, dtype: torch.dtype, shared: int = 0) -> TreeBatch:
    """Lay trees out as one batch.

    Args:
        trees: what is scored, without the tokens that all of them share.
        pad: token for padding.
        dtype: of the mask, the model's.
        shared: number of tokens that come before every row and are in the cache already.
    """
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
    mask = torch.zeros((rows, 1, length, shared + length), dtype=dtype)
    mask[..., shared:].masked_fill_(~visible[:, None], torch.finfo(dtype).min)
    return TreeBatch(
        input_ids, position_ids + shared, mask, torch.tensor(places).T, torch.tensor(scored).T, continuations
    )


def real_tokens(trees: Sequence[Tree]) -> torch.Tensor:
    """Return 1 where a row has a token and 0 where it is padded, shape (rows, length)."""
    lengths = torch.tensor([tree.length for tree in trees])
    return (torch.arange(int(lengths.max()))[None] < lengths[:, None]).long()


def branch_scores(
    logits: torch.Tensor, batch: TreeBatch, precise: torch.Tensor | None = None, chunk: int = 64
) -> list[tuple[float, bool]]:
    """Sum log-probabilities per continuation.

    Args:
        logits: shape (places, vocabulary), of the places in ``batch.at``.
        batch: the rows that were run.
        precise: shape (tokens,), float32 logits of the scored tokens where they are known better than ``logits``.
        chunk: places whose logits are held in float32 at a time; a few fit the processor's cache.

    Returns:
        (log-likelihood, whether greedy decoding would say it) per continuation.
    """
    place, token, owner = batch.scored.to(logits.device)
    totals, best = [], []
    for part in torch.split(logits, chunk):
        totals.append(part.float().logsumexp(dim=-1))
        best.append(part.max(dim=-1).indices)
    rounded, total = logits[place, token].float(), torch.cat(totals)[place]
    steps = rounded - total
    if precise is not None:
        # The total holds the rounded logit: take it out and put the precise one in, so that no probability exceeds 1.
        others = total + torch.log1p(-steps.exp().clamp(max=1 - 1e-6))
        steps = precise - torch.logaddexp(others, precise)
    missed = (torch.cat(best)[place] != token).float()
    empty = torch.zeros(batch.continuations, device=logits.device)
    sums = empty.double().index_add(0, owner, steps.double()).tolist()
    misses = empty.index_add(0, owner, missed).tolist()
    return [(float(value), miss == 0) for value, miss in zip(sums, misses, strict=True)]


def precise_logits(
    hidden: torch.Tensor, layer: torch.nn.Module, logits: torch.Tensor, batch: TreeBatch
) -> torch.Tensor | None:
    """Compute the logits of the scored tokens again in float32.

    In bfloat16 a logit near 20 is a multiple of 0.125: choices that differ by less tie, and the tie falls as the
    rounding does. One dot product per scored token costs nearly nothing and removes that.

    Args:
        hidden: shape (places, width), what the output layer was given.
        layer: the output layer.
        logits: shape (places, vocabulary), what the model returned.
        batch: the rows that were run.

    Returns:
        Shape (tokens,), or None where the layer is no plain linear one, or where the model did more to its logits
        afterwards (scaling, capping), so that both differ by more than rounding.
    """
    if type(layer) is not torch.nn.Linear or logits.dtype == torch.float32:
        return None
    place, token, _ = batch.scored.to(logits.device)
    values = (hidden[place].float() * layer.weight[token].float()).sum(dim=-1)
    if layer.bias is not None:
        values = values + layer.bias[token].float()
    same = torch.allclose(values, logits[place, token].float(), rtol=2**-6, atol=0.05)
    return values if same else None
