"""The elementwise steps in plain torch."""

from __future__ import annotations

from collections.abc import Iterator

import torch
from torch.nn import functional

from secft.train.forward.kernels import Blocks, Rotary
from secft.train.forward.layout import Layout


class TorchKernels:
    """Plain torch, for machines without a compiler; also the reference that tests compare with."""

    name = "torch"

    def add_rmsnorm(
        self, h: torch.Tensor, y: torch.Tensor | None, weight: torch.Tensor, eps: float, x: torch.Tensor
    ) -> tuple[torch.Tensor, torch.Tensor]:
        """See Kernels."""
        total = h if y is None else h + y
        wide = total.float()
        rstd = torch.rsqrt(wide.square().mean(-1) + eps)
        x[:, : h.shape[1]] = wide * rstd[:, None] * weight
        return total, rstd

    def rmsnorm_backward(
        self,
        dx: torch.Tensor,
        dx2: torch.Tensor | None,
        h: torch.Tensor,
        rstd: torch.Tensor,
        weight: torch.Tensor,
        dh: torch.Tensor,
    ) -> None:
        """See Kernels."""
        width = h.shape[1]
        upstream = dx[:, :width].float() if dx2 is None else dx[:, :width].float() + dx2.float()
        scaled = upstream * weight
        wide = h.float()
        dot = (scaled * wide).sum(-1, keepdim=True)
        inverse = rstd[:, None]
        dh.copy_(dh.float() + inverse * scaled - dot * inverse.pow(3) / width * wide)

    def swiglu(self, gu: torch.Tensor, m: torch.Tensor) -> None:
        """See Kernels."""
        gate, up = gu.float().chunk(2, dim=-1)
        m[:, : gate.shape[1]] = functional.silu(gate) * up

    def swiglu_backward(self, dm: torch.Tensor, dm2: torch.Tensor | None, gu: torch.Tensor) -> None:
        """See Kernels."""
        gate, up = gu.float().chunk(2, dim=-1)
        width = gate.shape[1]
        upstream = dm[:, :width].float() if dm2 is None else dm[:, :width].float() + dm2.float()
        sigmoid = torch.sigmoid(gate)
        d_gate = upstream * up * sigmoid * (1 + gate * (1 - sigmoid))
        d_up = upstream * gate * sigmoid
        gu.copy_(torch.cat([d_gate, d_up], dim=-1))

    def rope_split(self, qkv: torch.Tensor, blocks: Blocks, rotary: Rotary, layout: Layout) -> None:
        """See Kernels."""
        begin = 0
        for kind, block in enumerate(blocks):
            heads, dim = block.shape[1:]
            part = qkv[:, begin : begin + heads * dim]
            begin += heads * dim
            for view, place, _ in _examples(block, layout):
                view[:, : len(place)] = part[place].reshape(len(place), heads, dim).transpose(0, 1)
                view[:, len(place) :] = 0
                if kind < 2:
                    _rotate(view, rotary, 1.0)

    def rope_join(
        self,
        blocks: tuple[torch.Tensor, torch.Tensor, torch.Tensor],
        dqkv: torch.Tensor,
        rotary: Rotary,
        layout: Layout,
    ) -> None:
        """See Kernels."""
        begin = 0
        for kind, block in enumerate(blocks):
            heads, dim = block.shape[1:]
            total = torch.zeros(layout.tokens, heads * dim)
            for view, place, _ in _examples(block, layout):
                if kind < 2:
                    _rotate(view, rotary, -1.0)
                copies = view[:, : len(place)].transpose(0, 1).reshape(len(place), heads * dim)
                total.index_add_(0, place, copies.float())
            dqkv[: layout.tokens, begin : begin + heads * dim] = total
            begin += heads * dim

    def heads_to_tokens(self, blocks: torch.Tensor, tokens: torch.Tensor, layout: Layout) -> None:
        """See Kernels."""
        width = blocks.shape[1] * blocks.shape[2]
        for view, place, shared in _examples(blocks, layout):
            own = view[:, shared : len(place)].transpose(0, 1)
            tokens[place[shared:], :width] = own.reshape(len(place) - shared, width)

    def tokens_to_heads(
        self, tokens: torch.Tensor, second: torch.Tensor | None, blocks: torch.Tensor, layout: Layout
    ) -> None:
        """See Kernels."""
        heads, dim = blocks.shape[1:]
        rows = tokens[:, : heads * dim] if second is None else tokens[:, : heads * dim] + second
        for view, place, shared in _examples(blocks, layout):
            view.zero_()
            own = rows[place[shared:]].reshape(len(place) - shared, heads, dim)
            view[:, shared : len(place)] = own.transpose(0, 1)

    def causal_softmax(self, scores: torch.Tensor, scale: float) -> None:
        """See Kernels."""
        hidden = torch.ones(scores.shape[-1], scores.shape[-1], dtype=torch.bool).triu(1)
        wide = scores.view(-1, *hidden.shape).float() * scale
        scores.copy_(wide.masked_fill(hidden, -torch.inf).softmax(-1).view_as(scores))

    def causal_softmax_backward(self, p: torch.Tensor, dp: torch.Tensor, scale: float) -> None:
        """See Kernels."""
        wide, upstream = p.float(), dp.float()
        dp.copy_(scale * wide * (upstream - (wide * upstream).sum(-1, keepdim=True)))

    def cross_entropy(self, logits: torch.Tensor, targets: torch.Tensor, *, gradient: bool) -> torch.Tensor:
        """See Kernels."""
        wide = logits.float()
        loss = functional.cross_entropy(wide, targets, reduction="none")
        if gradient:
            probabilities = wide.softmax(-1)
            probabilities[torch.arange(len(targets)), targets] -= 1
            logits.copy_(probabilities)
        return loss


def _examples(blocks: torch.Tensor, layout: Layout) -> Iterator[tuple[torch.Tensor, torch.Tensor, int]]:
    """Yield by example its view of a head buffer, (heads, padded rows, D), its tokens, and how many others own."""
    heads, dim = blocks.shape[1:]
    flat, size = blocks.view(-1), heads * dim
    sizes = (layout.offset, layout.padded, layout.start, layout.length, layout.shared)
    for offset, rows, start, length, shared in zip(*(one.tolist() for one in sizes), strict=True):
        view = flat[offset * size : (offset + rows) * size].view(heads, rows, dim)
        yield view, layout.place[start : start + length], shared


def _rotate(view: torch.Tensor, rotary: Rotary, direction: float) -> None:
    """Rotate (heads, rows, D) in place by the position of each row; direction -1 rotates back."""
    rows, half = view.shape[1], view.shape[2] // 2
    cosine, sine = rotary.cosine[:rows], rotary.sine[:rows] * direction
    low, high = view[..., :half].float(), view[..., half:].float()
    view.copy_(torch.cat([low * cosine - high * sine, high * cosine + low * sine], dim=-1))
