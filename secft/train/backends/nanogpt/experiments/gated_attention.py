"""A sigmoid gate on the output of attention, computed from the attention's input.

``gated_attention`` has a gate for each element, ``gated_attention_headwise`` one for each head.
Source: Qiu et al. 2025, Gated Attention for Large Language Models (their position G1).
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

FLAGS = {"gated_attention": False, "gated_attention_headwise": True}
"""Name of the flag -> whether a head has one gate."""


class OutputGate(nn.Module):
    """Multiplies the mixed values by sigmoid(hidden W)."""

    def __init__(self, width: int, heads: int, headwise: bool) -> None:
        super().__init__()
        self.heads = heads if headwise else width
        self.proj = nn.Linear(width, self.heads, bias=False)

    def forward(self, mixed: Tensor, hidden: Tensor) -> Tensor:
        """Gate what attention mixed.

        Args:
            mixed: output of attention before its projection, shape (batch, time, width).
            hidden: input of attention, same shape.

        Returns:
            Same shape.
        """
        gate = torch.sigmoid(self.proj(hidden))
        heads = mixed.view(*mixed.shape[:-1], self.heads, -1)
        return (heads * gate.unsqueeze(-1)).flatten(-2)


def gate_of(experiments: tuple[str, ...], width: int, heads: int) -> OutputGate | None:
    """Return the gate that the flags ask for, or None."""
    for name in experiments:
        if name in FLAGS:
            return OutputGate(width, heads, FLAGS[name])
    return None
