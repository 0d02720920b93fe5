"""The fast path: loss and adapter gradients of Llama-like models on a CPU, written out by hand.

One autograd Function covers the whole network. Compared with transformers' forward it
- runs matrix products in the storage type and everything between them in few fused passes,
- attends within each example only, with no mask and no padding beyond a multiple of 32,
- computes once what examples of a batch have in common at their beginning (see Layout),
- computes logits only where there is a label, a block at a time, with their gradient on the spot,
- folds the adapters into the base products (see Projection),
- propagates no gradient to frozen weights or into the embeddings.

Shapes: T distinct tokens (rounded up), H hidden, I intermediate, Q query heads, G key/value heads, D head width,
P rows of the padded attention blocks, M labelled positions, V vocabulary.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import torch
from torch import nn

from secft.train.forward.kernels import Kernels, Rotary
from secft.train.forward.layout import Layout, round_up
from secft.train.forward.projection import Projection
from secft.train.template import IGNORED

ARCHITECTURES = {"LlamaForCausalLM", "MistralForCausalLM"}
ROPE_TYPES = {"default", "linear", "llama3"}
# Logits held at a time; smaller blocks read the output matrix more often, larger ones only cost memory.
LOGIT_ELEMENTS = 2**25
LINEARS = ("q_proj", "k_proj", "v_proj", "o_proj", "gate_proj", "up_proj", "down_proj")


def why_unsupported(model: Any) -> str:
    """Tell why the fast path would not be exact for a model; "" if it is."""
    base = model.get_base_model() if hasattr(model, "get_base_model") else model
    config = base.config
    if type(base).__name__ not in ARCHITECTURES:
        return f"{type(base).__name__} is not one of {', '.join(sorted(ARCHITECTURES))}"
    checks = (
        (config.hidden_act != "silu", "its activation is not silu"),
        (getattr(config, "attention_bias", False) or getattr(config, "mlp_bias", False), "it has biases"),
        (getattr(config, "sliding_window", None) is not None, "it uses a sliding window"),
        (config.rope_parameters["rope_type"] not in ROPE_TYPES, "its rotary scaling depends on the length"),
        (next(base.parameters()).device.type != "cpu", "it is not on the CPU"),
        (base.lm_head.weight.dtype not in (torch.bfloat16, torch.float32), "its type is neither bf16 nor fp32"),
        (not hasattr(model, "peft_config"), "it has no adapters"),
    )
    return next((reason for wrong, reason in checks if wrong), "") or _why_unsupported_adapters(model, base)


def _why_unsupported_adapters(model: Any, base: Any) -> str:
    """Refuse anything trained besides plain LoRA matrices on the layers' own linear modules."""
    known: set[int] = set()
    for layer in base.model.layers:
        for name in LINEARS:
            module = getattr(layer.self_attn if hasattr(layer.self_attn, name) else layer.mlp, name)
            if not hasattr(module, "lora_A"):
                if not isinstance(module, nn.Linear):
                    return f"{name} is a {type(module).__name__}"
                continue
            if type(module).__name__ != "Linear" or type(module.get_base_layer()) is not nn.Linear:
                return f"{name} is quantised or wrapped"
            active = module.active_adapters
            if len(active) != 1 or module.merged or module.fan_in_fan_out or module.lora_variant:
                return "its adapters are not plain LoRA"
            dropout = module.lora_dropout[active[0]]
            if not isinstance(dropout, nn.Identity) and dropout.p > 0:
                return "it uses adapter dropout"
            if module.lora_A[active[0]].bias is not None or module.lora_B[active[0]].bias is not None:
                return "its adapters have biases"
            known |= {id(module.lora_A[active[0]].weight), id(module.lora_B[active[0]].weight)}
    trained = [name for name, p in model.named_parameters() if p.requires_grad and id(p) not in known]
    return f"{trained[0]} is trained, which is no LoRA matrix of a layer" if trained else ""


@dataclass
class Layer:
    """Merged weights of one decoder layer; norms (H,) in float32."""

    attention_norm: torch.Tensor
    mlp_norm: torch.Tensor
    qkv: Projection
    out: Projection
    gate_up: Projection
    down: Projection

    def projections(self) -> tuple[Projection, ...]:
        """In the order in which the backward pass needs them."""
        return self.down, self.gate_up, self.out, self.qkv


@dataclass
class Activations:
    """What one layer keeps for its backward pass."""

    h: torch.Tensor
    rstd: torch.Tensor
    x: torch.Tensor
    blocks: tuple[torch.Tensor, torch.Tensor, torch.Tensor]
    probabilities: list[torch.Tensor]
    attended: torch.Tensor
    h_mid: torch.Tensor
    rstd_mid: torch.Tensor
    x_mid: torch.Tensor
    gate_up: torch.Tensor
    product: torch.Tensor


class LlamaLoss:
    """Summed loss of a flat batch; gradients reach the LoRA matrices only."""

    def __init__(self, model: Any, kernels: Kernels) -> None:
        base = model.get_base_model() if hasattr(model, "get_base_model") else model
        config = base.config
        self.kernels = kernels
        self.name = f"fast+{kernels.name}"
        self.q_heads, self.kv_heads = config.num_attention_heads, config.num_key_value_heads
        self.dim = getattr(config, "head_dim", None) or config.hidden_size // self.q_heads
        self.scale = self.dim**-0.5
        self.eps = float(config.rms_norm_eps)
        self.embedding = base.model.embed_tokens.weight.detach()
        self.head = base.lm_head.weight.detach()
        self.final_norm = base.model.norm.weight.detach().float()
        self.rotary_module = base.model.rotary_emb
        self.rotary = self._rotary(512)
        self.layers = [_layer(layer) for layer in base.model.layers]
        projections = [p for layer in reversed(self.layers) for p in layer.projections()]
        self.projections = projections
        self.parameters = [parameter for p in projections for parameter in p.parameters]

    def __call__(self, batch: dict[str, torch.Tensor]) -> torch.Tensor:
        """Return the summed negative log-likelihood of a flat batch (nats, scalar)."""
        for projection in self.projections:
            projection.refresh()
        if torch.is_grad_enabled() and any(p.requires_grad for p in self.parameters):
            loss: torch.Tensor = _NetworkLoss.apply(self, batch, *self.parameters)  # type: ignore[no-untyped-call]
            return loss
        return self.run(batch, keep=False)[0]

    def _rotary(self, positions: int) -> Rotary:
        with torch.no_grad():
            cosine, sine = self.rotary_module(torch.zeros(1), torch.arange(positions)[None])
        half = self.dim // 2
        return Rotary(cosine[0, :, :half].float().contiguous(), sine[0, :, :half].float().contiguous())

    @torch.no_grad()
    def run(
        self, batch: dict[str, torch.Tensor], *, keep: bool
    ) -> tuple[torch.Tensor, torch.Tensor | None, list[Activations], Layout]:
        """Run the network.

        Args:
            batch: flat batch.
            keep: keep activations and compute the gradient at the last hidden state.

        Returns:
            Loss, gradient (T, H) or None, activations by layer (empty unless kept), layout.
        """
        layout = Layout.of(batch)
        tokens = round_up(layout.tokens)
        if int(layout.length[0]) > len(self.rotary.cosine):
            self.rotary = self._rotary(round_up(int(layout.length.max()), 512))
        h = torch.zeros(tokens, self.embedding.shape[1], dtype=self.embedding.dtype)
        torch.index_select(self.embedding, 0, batch["input_ids"][layout.first], out=h[: layout.tokens])
        y: torch.Tensor | None = None
        kept: list[Activations] = []
        for layer in self.layers:
            h, y, activations = self._layer_forward(layer, h, y, layout)
            if keep:
                kept.append(activations)
        loss, dh = self._head(h, y, batch["labels"][layout.first], gradient=keep)
        return loss, dh, kept, layout

    def _layer_forward(
        self, layer: Layer, h: torch.Tensor, y: torch.Tensor | None, layout: Layout
    ) -> tuple[torch.Tensor, torch.Tensor, Activations]:
        """One decoder layer on h + y; returns the two summands of its output."""
        tokens = h.shape[0]
        x = layer.qkv.input_buffer(tokens)
        h, rstd = self.kernels.add_rmsnorm(h, y, layer.attention_norm, self.eps, x)
        blocks, probabilities, attended = self._attend(layer, x, layout)
        y = layer.out.forward(attended)
        x_mid = layer.gate_up.input_buffer(tokens)
        h_mid, rstd_mid = self.kernels.add_rmsnorm(h, y, layer.mlp_norm, self.eps, x_mid)
        gate_up = layer.gate_up.forward(x_mid)
        product = layer.down.input_buffer(tokens)
        self.kernels.swiglu(gate_up, product)
        y = layer.down.forward(product)
        kept = Activations(h, rstd, x, blocks, probabilities, attended, h_mid, rstd_mid, x_mid, gate_up, product)
        return h_mid, y, kept

    def _blocks(self, layout: Layout) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
        """Uninitialised query, key and value blocks, (P, heads, D) as a size; see kernels.c for the order."""
        dtype = self.embedding.dtype
        q = torch.empty(layout.rows, self.q_heads, self.dim, dtype=dtype)
        k, v = (torch.empty(layout.rows, self.kv_heads, self.dim, dtype=dtype) for _ in range(2))
        return q, k, v

    def _views(self, block: torch.Tensor, layout: Layout) -> list[torch.Tensor]:
        """View a head buffer by buckets: (examples * G, heads / G * padded, D) each; query heads share their key's."""
        heads = block.shape[1]
        flat, size = block.view(-1), heads * self.dim
        return [
            flat[b.offset * size : (b.offset + b.count * b.padded) * size].view(
                b.count * self.kv_heads, heads // self.kv_heads * b.padded, self.dim
            )
            for b in layout.buckets
        ]

    def _attend(
        self, layer: Layer, x: torch.Tensor, layout: Layout
    ) -> tuple[tuple[torch.Tensor, torch.Tensor, torch.Tensor], list[torch.Tensor], torch.Tensor]:
        """Attention of every example over itself; returns blocks, probabilities by bucket, and (T, Q D + R)."""
        blocks = self._blocks(layout)
        self.kernels.rope_split(layer.qkv.forward(x), blocks, self.rotary, layout)
        output = torch.empty_like(blocks[0])
        probabilities = []
        views = [self._views(block, layout) for block in (*blocks, output)]
        for q, k, v, o in zip(*views, strict=True):
            scores = torch.bmm(q, k.transpose(1, 2))
            self.kernels.causal_softmax(scores, self.scale)
            torch.bmm(scores, v, out=o)
            probabilities.append(scores)
        attended = layer.out.input_buffer(x.shape[0])
        attended[layout.tokens :] = 0
        self.kernels.heads_to_tokens(output, attended, layout)
        return blocks, probabilities, attended

    def _head(
        self, h: torch.Tensor, y: torch.Tensor | None, labels: torch.Tensor, *, gradient: bool
    ) -> tuple[torch.Tensor, torch.Tensor | None]:
        """Final norm, logits and loss at labelled positions only, LOGIT_ELEMENTS at a time."""
        places = (labels != IGNORED).nonzero().squeeze(-1)
        targets = labels[places]
        picked = h[places]
        x = torch.empty_like(picked)
        extra = None if y is None else y[places]
        picked, rstd = self.kernels.add_rmsnorm(picked, extra, self.final_norm, self.eps, x)
        dx = torch.empty_like(x)
        loss = torch.zeros((), dtype=torch.float64)
        rows = max(LOGIT_ELEMENTS // len(self.head), 1)
        for start in range(0, len(places), rows):
            part = slice(start, start + rows)
            logits = torch.mm(x[part], self.head.t())
            loss += self.kernels.cross_entropy(logits, targets[part], gradient=gradient).sum(dtype=torch.float64)
            if gradient:
                torch.mm(logits, self.head, out=dx[part])
        if not gradient:
            return loss.float(), None
        d_picked = torch.zeros_like(picked)
        self.kernels.rmsnorm_backward(dx, None, picked, rstd, self.final_norm, d_picked)
        dh = torch.zeros_like(h)
        dh[places] = d_picked
        return loss.float(), dh

    def layer_backward(
        self, layer: Layer, kept: Activations, dh: torch.Tensor, layout: Layout, *, first: bool
    ) -> list[torch.Tensor]:
        """Gradients of one layer's adapters, in the order of ``Layer.projections``; updates dh (T, H) in place."""
        kernels, gradients = self.kernels, list[torch.Tensor]()
        dm, dm_low = layer.down.backward(dh, kept.product, gradients)
        kernels.swiglu_backward(dm, dm_low, kept.gate_up)
        dx, dx_low = layer.gate_up.backward(kept.gate_up, kept.x_mid, gradients)
        kernels.rmsnorm_backward(dx, dx_low, kept.h_mid, kept.rstd_mid, layer.mlp_norm, dh)
        da, da_low = layer.out.backward(dh, kept.attended, gradients)
        dqkv = self._attend_backward(da, da_low, kept, layout, dh.shape[0])
        dx, dx_low = layer.qkv.backward(dqkv, kept.x, gradients, needs_input=not first)
        if not first:
            kernels.rmsnorm_backward(dx, dx_low, kept.h, kept.rstd, layer.attention_norm, dh)
        return gradients

    def _attend_backward(
        self, da: torch.Tensor, da_low: torch.Tensor | None, kept: Activations, layout: Layout, tokens: int
    ) -> torch.Tensor:
        """Gradient of attention with respect to its (T, (Q + 2 G) D) input."""
        d_output = torch.empty_like(kept.blocks[0])
        self.kernels.tokens_to_heads(da, da_low, d_output, layout)
        d_blocks = self._blocks(layout)
        views = [self._views(block, layout) for block in (*kept.blocks, d_output, *d_blocks)]
        for p, q, k, v, do, dq, dk, dv in zip(kept.probabilities, *views, strict=True):
            torch.bmm(p.transpose(1, 2), do, out=dv)
            dp = torch.bmm(do, v.transpose(1, 2))
            self.kernels.causal_softmax_backward(p, dp, self.scale)
            torch.bmm(dp, k, out=dq)
            torch.bmm(dp.transpose(1, 2), q, out=dk)
        dqkv = torch.empty(tokens, (self.q_heads + 2 * self.kv_heads) * self.dim, dtype=da.dtype)
        dqkv[layout.tokens :] = 0
        self.kernels.rope_join(d_blocks, dqkv, self.rotary, layout)
        return dqkv


def _layer(layer: Any) -> Layer:
    attention, mlp = layer.self_attn, layer.mlp
    return Layer(
        attention_norm=layer.input_layernorm.weight.detach().float(),
        mlp_norm=layer.post_attention_layernorm.weight.detach().float(),
        qkv=Projection([attention.q_proj, attention.k_proj, attention.v_proj]),
        out=Projection([attention.o_proj]),
        gate_up=Projection([mlp.gate_proj, mlp.up_proj]),
        down=Projection([mlp.down_proj]),
    )


class _NetworkLoss(torch.autograd.Function):
    """The whole network as one node of the autograd graph; its leaves are the LoRA matrices."""

    @staticmethod
    def forward(
        ctx: Any, network: LlamaLoss, batch: dict[str, torch.Tensor], *parameters: torch.Tensor
    ) -> torch.Tensor:
        loss, ctx.dh, ctx.kept, ctx.layout = network.run(batch, keep=True)
        ctx.network = network
        return loss

    @staticmethod
    def backward(ctx: Any, *upstream: torch.Tensor) -> tuple[Any, ...]:
        network, dh = ctx.network, ctx.dh.mul_(upstream[0])
        gradients: list[torch.Tensor] = []
        for index in reversed(range(len(network.layers))):
            # Popping frees a layer's activations as soon as they are used.
            kept = ctx.kept.pop()
            gradients += network.layer_backward(network.layers[index], kept, dh, ctx.layout, first=index == 0)
        return (None, None, *gradients)
