"""A GPT as Radford et al. (2019) describe it, with the names of its parameters as GPT-2's weights have them.

Pre-norm blocks, learned positions, exact GELU, input and output embeddings tied. Weights start from N(0, 0.02);
projections into the residual stream from N(0, 0.02 / sqrt(2 n_layer)), so that its variance does not grow with depth.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import cast

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from secft.train.backends.nanogpt.experiments.gated_attention import OutputGate, gate_of

INITIAL_STD = 0.02
LONGEST_PLAIN = 256
"""Longest context for which attention is computed by plain products on a CPU."""


@dataclass(frozen=True)
class GPTShape:
    """Everything that decides about the parameters of a model.

    Attributes:
        vocab_size: tokens.
        block_size: longest context in tokens.
        n_layer: blocks.
        n_head: attention heads.
        n_embd: width.
        dropout: of embeddings, attention and residuals.
        bias: biases in linear layers and layer norms.
        experiments: names of bespoke blocks.
    """

    vocab_size: int
    block_size: int
    n_layer: int
    n_head: int
    n_embd: int
    dropout: float = 0.0
    bias: bool = False
    experiments: tuple[str, ...] = ()


def causal_attention(query: Tensor, key: Tensor, value: Tensor, dropout: float) -> Tensor:
    """Mix values by softmax(query key^T / sqrt(width)), each position over itself and those before it.

    torch's fused kernel is the faster one on a GPU and for long contexts; on a CPU its fixed cost makes short ones
    several times slower than two plain products (`benchmarks/results/nanogpt.md`).

    Args:
        query: shape (batch, heads, time, head width).
        key: same shape.
        value: same shape.
        dropout: of the weights.

    Returns:
        Same shape.
    """
    time = query.shape[-2]
    if query.device.type != "cpu" or time > LONGEST_PLAIN:
        return F.scaled_dot_product_attention(query, key, value, dropout_p=dropout, is_causal=True)
    future = torch.full((time, time), -torch.inf, dtype=query.dtype).triu(1)
    scores = (query * query.shape[-1] ** -0.5) @ key.transpose(-2, -1) + future
    weights: Tensor = scores.softmax(-1)
    mixed: Tensor = (F.dropout(weights, dropout) if dropout else weights) @ value
    return mixed


class Attention(nn.Module):
    """Causal self-attention over all heads at once."""

    def __init__(self, shape: GPTShape) -> None:
        super().__init__()
        self.n_head, self.dropout = shape.n_head, shape.dropout
        self.c_attn = nn.Linear(shape.n_embd, 3 * shape.n_embd, bias=shape.bias)
        self.c_proj = nn.Linear(shape.n_embd, shape.n_embd, bias=shape.bias)
        self.gate: OutputGate | None = gate_of(shape.experiments, shape.n_embd, shape.n_head)

    def forward(self, hidden: Tensor) -> Tensor:
        """Map (batch, time, width) to the same shape; a position sees itself and those before it."""
        batch, time, width = hidden.shape
        heads = self.c_attn(hidden).view(batch, time, 3, self.n_head, width // self.n_head)
        query, key, value = heads.permute(2, 0, 3, 1, 4).unbind(0)
        dropout = self.dropout if self.training else 0.0
        mixed = causal_attention(query, key, value, dropout)
        mixed = mixed.transpose(1, 2).reshape(batch, time, width)
        if self.gate is not None:
            mixed = self.gate(mixed, hidden)
        projected: Tensor = self.c_proj(mixed)
        return F.dropout(projected, self.dropout, self.training) if dropout else projected


class FeedForward(nn.Module):
    """Two layers with a GELU between, four times as wide inside."""

    def __init__(self, shape: GPTShape) -> None:
        super().__init__()
        self.dropout = shape.dropout
        self.c_fc = nn.Linear(shape.n_embd, 4 * shape.n_embd, bias=shape.bias)
        self.c_proj = nn.Linear(4 * shape.n_embd, shape.n_embd, bias=shape.bias)

    def forward(self, hidden: Tensor) -> Tensor:
        """Map (batch, time, width) to the same shape."""
        projected: Tensor = self.c_proj(F.gelu(self.c_fc(hidden)))
        return F.dropout(projected, self.dropout, self.training) if self.dropout else projected


class DecoderBlock(nn.Module):
    """Attention and feed-forward, each behind a layer norm and beside a residual connection."""

    def __init__(self, shape: GPTShape) -> None:
        super().__init__()
        self.ln_1 = nn.LayerNorm(shape.n_embd, bias=shape.bias)
        self.attn = Attention(shape)
        self.ln_2 = nn.LayerNorm(shape.n_embd, bias=shape.bias)
        self.mlp = FeedForward(shape)

    def forward(self, hidden: Tensor) -> Tensor:
        """Map (batch, time, width) to the same shape."""
        hidden = hidden + self.attn(self.ln_1(hidden))
        return cast(Tensor, hidden + self.mlp(self.ln_2(hidden)))


class Decoder(nn.Module):
    """Embeddings, blocks and the last layer norm."""

    def __init__(self, shape: GPTShape) -> None:
        super().__init__()
        self.dropout = shape.dropout
        self.wte = nn.Embedding(shape.vocab_size, shape.n_embd)
        self.wpe = nn.Embedding(shape.block_size, shape.n_embd)
        self.h = nn.ModuleList([DecoderBlock(shape) for _ in range(shape.n_layer)])
        self.ln_f = nn.LayerNorm(shape.n_embd, bias=shape.bias)

    def forward(self, tokens: Tensor) -> Tensor:
        """Map tokens (batch, time) to hidden states (batch, time, width)."""
        hidden = self.wte(tokens) + self.wpe.weight[: tokens.shape[1]]
        if self.dropout:
            hidden = F.dropout(hidden, self.dropout, self.training)
        for block in self.h:
            hidden = block(hidden)
        return cast(Tensor, self.ln_f(hidden))


class GPT(nn.Module):
    """The language model; the output layer is the token embedding.

    Source: Radford et al. 2019, Language Models are Unsupervised Multitask Learners; Press and Wolf 2017 for the tie.
    """

    def __init__(self, shape: GPTShape, seed: int = 0) -> None:
        super().__init__()
        self.shape = shape
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(seed)
            self.transformer = Decoder(shape)
            self._initialise()

    def _initialise(self) -> None:
        residual = INITIAL_STD / math.sqrt(2 * self.shape.n_layer)
        for name, parameter in self.named_parameters():
            if parameter.dim() < 2:
                continue  # layer norms start as ones, biases are set below
            nn.init.normal_(parameter, std=residual if name.endswith("c_proj.weight") else INITIAL_STD)
        for name, parameter in self.named_parameters():
            if name.endswith("bias"):
                nn.init.zeros_(parameter)

    def forward(self, tokens: Tensor) -> Tensor:
        """Return logits (batch, time, vocabulary) for tokens (batch, time)."""
        hidden: Tensor = self.transformer(tokens)
        return F.linear(hidden, self.transformer.wte.weight)

    def loss(self, tokens: Tensor, targets: Tensor) -> Tensor:
        """Return the mean cross-entropy in nats per token; both inputs have the shape (batch, time)."""
        logits: Tensor = self(tokens)
        return F.cross_entropy(logits.flatten(0, 1), targets.flatten())

    def decayed(self) -> Iterator[tuple[nn.Parameter, bool]]:
        """Yield every parameter and whether weight decay applies to it: to matrices, not to vectors."""
        for parameter in self.parameters():
            yield parameter, parameter.dim() >= 2

    @torch.no_grad()
    def generate(self, tokens: Tensor, count: int, temperature: float = 1.0, seed: int = 0) -> Tensor:
        """Continue a text by sampling.

        Args:
            tokens: shape (1, time).
            count: tokens to add.
            temperature: logits are divided by it; 0 takes the likeliest token.
            seed: of the draws.

        Returns:
            Shape (1, time + count).
        """
        generator = torch.Generator(tokens.device).manual_seed(seed)
        self.eval()
        for _ in range(count):
            logits = self(tokens[:, -self.shape.block_size :])[:, -1]
            if temperature == 0:
                chosen = logits.argmax(-1, keepdim=True)
            else:
                chosen = torch.multinomial((logits / temperature).softmax(-1), 1, generator=generator)
            tokens = torch.cat([tokens, chosen], dim=1)
        return tokens
