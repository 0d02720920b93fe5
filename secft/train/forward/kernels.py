"""The elementwise steps of the fast path: what each computes.

Every method writes into tensors it is given. T is the number of distinct tokens (see Layout), H the hidden width, I the
intermediate width, D the width of a head. A tensor marked (T, H + ...) is wider than its data (adapter
columns follow) and only its first columns are read or written. Two implementations: kernels_native (compiled
from kernels.c) and kernels_torch (plain torch).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

import torch

from secft.train.forward.layout import Layout

Blocks = tuple[torch.Tensor, torch.Tensor, torch.Tensor]


@dataclass(frozen=True)
class Rotary:
    """Cosines and sines of rotary positions, each (positions, D / 2), float32."""

    cosine: torch.Tensor
    sine: torch.Tensor


class Kernels(Protocol):
    """Forward and backward of everything between matrix products."""

    name: str

    def add_rmsnorm(
        self, h: torch.Tensor, y: torch.Tensor | None, weight: torch.Tensor, eps: float, x: torch.Tensor
    ) -> tuple[torch.Tensor, torch.Tensor]:
        """Add the residual y to h, both (T, H), and write rmsnorm(h + y) * weight to x, (T, H + ...).

        Returns:
            h + y, and 1 / rms, (T,) in float32.
        """

    def rmsnorm_backward(
        self,
        dx: torch.Tensor,
        dx2: torch.Tensor | None,
        h: torch.Tensor,
        rstd: torch.Tensor,
        weight: torch.Tensor,
        dh: torch.Tensor,
    ) -> None:
        """Add to dh the gradient of rmsnorm at h, for upstream dx, (T, H + ...), plus dx2, (T, H)."""

    def swiglu(self, gu: torch.Tensor, m: torch.Tensor) -> None:
        """Write silu(g) * u to m, (T, I + ...), for gu = [g | u], (T, 2 I)."""

    def swiglu_backward(self, dm: torch.Tensor, dm2: torch.Tensor | None, gu: torch.Tensor) -> None:
        """Overwrite gu by its gradient, for upstream dm, (T, I + ...), plus dm2, (T, I)."""

    def rope_split(self, qkv: torch.Tensor, blocks: Blocks, rotary: Rotary, layout: Layout) -> None:
        """Rotate queries and keys and put all heads into padded blocks, whose padding rows become zero."""

    def rope_join(self, blocks: Blocks, dqkv: torch.Tensor, rotary: Rotary, layout: Layout) -> None:
        """Turn gradients of rope_split around: those of a token's copies are summed; may overwrite the blocks."""

    def heads_to_tokens(self, blocks: torch.Tensor, tokens: torch.Tensor, layout: Layout) -> None:
        """Copy padded blocks to token rows, (T, heads * D + ...), each from the first copy of its token."""

    def tokens_to_heads(
        self, tokens: torch.Tensor, second: torch.Tensor | None, blocks: torch.Tensor, layout: Layout
    ) -> None:
        """Turn gradients of heads_to_tokens around: padding and further copies of a token become zero.

        Args:
            tokens: (T, heads * D + ...).
            second: (T, heads * D), added to them; or None.
            blocks: padded blocks.
            layout: of the batch.
        """

    def causal_softmax(self, scores: torch.Tensor, scale: float) -> None:
        """Replace scores, (n, k * L, L) for k stacked heads, by softmax(scale * scores) up to the diagonal."""

    def causal_softmax_backward(self, p: torch.Tensor, dp: torch.Tensor, scale: float) -> None:
        """Replace dp by the gradient with respect to the unscaled scores."""

    def cross_entropy(self, logits: torch.Tensor, targets: torch.Tensor, *, gradient: bool) -> torch.Tensor:
        """Return -log softmax(logits)[target], (M,) in float32; with ``gradient`` logits become its gradient."""
