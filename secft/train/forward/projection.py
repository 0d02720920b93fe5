"""Linear layers that share an input, with their LoRA adapters, as one matrix product each way."""

from __future__ import annotations

from typing import Any

import torch
from torch import nn


class Projection:
    """Several LoRA linear layers y_i = W_i x + s_i B_i A_i x with the same x, evaluated together.

    With K inputs, N outputs in all and R ranks in all, the input buffer ``x`` is (T, K + R): the caller
    fills the first K columns, ``forward`` fills the rest with t = x A^T. The weight is [W | s B], (N, K + R),
    with B block-diagonal, so that one product gives base and adapter, summed in float32. The backward
    product dy [W | s B] gives dx without the adapters' part and u = s dy B side by side.

    Attributes:
        weight: (N, K + R), storage type; its first K columns replace the base layers' own storage.
        down: (R, K), storage type; the A matrices.
        parameters: A and B of each adapted layer, in order.
    """

    def __init__(self, layers: list[nn.Module]) -> None:
        bases = [_base(layer) for layer in layers]
        self.inputs = bases[0].in_features
        self.outputs = [base.out_features for base in bases]
        self.ranks = [_rank(layer) for layer in layers]
        self.rank = sum(self.ranks)
        self.adapted: list[tuple[Any, slice, slice, float]] = []
        self.parameters: list[nn.Parameter] = []
        dtype = bases[0].weight.dtype
        self.weight = torch.zeros(sum(self.outputs), self.inputs + self.rank, dtype=dtype)
        self.down = torch.zeros(self.rank, self.inputs, dtype=dtype)
        row = column = 0
        for layer, base, rank in zip(layers, bases, self.ranks, strict=True):
            rows = slice(row, row + base.out_features)
            self.weight[rows, : self.inputs] = base.weight.data
            # One copy of the base weights: the model's own layer becomes a view of the merged matrix.
            base.weight.data = self.weight[rows, : self.inputs]
            if rank:
                self._adopt(layer, rows, slice(column, column + rank))
            row, column = row + base.out_features, column + rank

    def _adopt(self, layer: Any, rows: slice, columns: slice) -> None:
        name = layer.active_adapters[0]
        pair = (layer.lora_A[name].weight, layer.lora_B[name].weight)
        self.adapted.append((pair, rows, columns, float(layer.scaling[name])))
        self.parameters.extend(pair)

    @torch.no_grad()
    def refresh(self) -> None:
        """Copy the adapters' current float32 values into the storage type."""
        for (down, up), rows, columns, scale in self.adapted:
            self.down[columns] = down
            self.weight[rows, self.inputs + columns.start : self.inputs + columns.stop] = up * scale

    def input_buffer(self, tokens: int) -> torch.Tensor:
        """Return an uninitialised (T, K + R) input buffer."""
        return torch.empty(tokens, self.inputs + self.rank, dtype=self.weight.dtype)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Return the outputs side by side, (T, N); fills x[:, K:]."""
        if self.rank:
            torch.mm(x[:, : self.inputs], self.down.t(), out=x[:, self.inputs :])
        return torch.mm(x, self.weight.t())

    def backward(
        self, dy: torch.Tensor, x: torch.Tensor, gradients: list[torch.Tensor], *, needs_input: bool = True
    ) -> tuple[torch.Tensor, torch.Tensor | None]:
        """Propagate a gradient.

        Args:
            dy: (T, N).
            x: the buffer that ``forward`` saw.
            gradients: receives dA and dB of each adapted layer, float32, in the order of ``parameters``.
            needs_input: False to compute only what the adapters need.

        Returns:
            dx as two summands: (T, K + R), of which the first K columns count, and (T, K) or None.
        """
        if not self.rank:
            return (torch.mm(dy, self.weight) if needs_input else dy), None
        if needs_input:
            dx = torch.mm(dy, self.weight)
            u = dx[:, self.inputs :]
        else:
            dx = u = torch.mm(dy, self.weight[:, self.inputs :])
        d_down = torch.mm(u.t(), x[:, : self.inputs]).float()
        for _, rows, columns, scale in self.adapted:
            t = x[:, self.inputs + columns.start : self.inputs + columns.stop]
            gradients.append(d_down[columns])
            gradients.append(torch.mm(dy[:, rows].t(), t).float().mul_(scale))
        return dx, torch.mm(u, self.down) if needs_input else None


def _base(layer: Any) -> nn.Linear:
    base: nn.Linear = layer.get_base_layer() if hasattr(layer, "get_base_layer") else layer
    return base


def _rank(layer: Any) -> int:
    return int(layer.r[layer.active_adapters[0]]) if hasattr(layer, "lora_A") else 0
