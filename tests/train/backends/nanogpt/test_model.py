"""The model against GPT-2 of transformers and against the book's code, and the gated block."""

from __future__ import annotations

import math
from pathlib import Path

import pytest
import torch
from torch import nn

from secft.errors import InputError
from secft.train.backends.nanogpt import model as module
from secft.train.backends.nanogpt.model import GPT, GPTShape, causal_attention
from secft.train.backends.nanogpt.weights import export, fill, load_weights, save_weights

SHAPE = GPTShape(vocab_size=31, block_size=12, n_layer=3, n_head=2, n_embd=16)


def noisy(shape: GPTShape) -> GPT:
    """A model none of whose parameters has a value that hides a mistake."""
    model = GPT(shape, seed=1)
    generator = torch.Generator().manual_seed(5)
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.add_(torch.randn(parameter.shape, generator=generator) * 0.2)
    return model.eval()


@pytest.mark.parametrize("bias", [True, False])
def test_logits_are_those_of_gpt2_in_transformers(tmp_path: Path, bias: bool) -> None:
    from transformers import AutoModelForCausalLM

    model = noisy(GPTShape(31, 12, 3, 2, 16, bias=bias))
    export(model, tmp_path)
    other = AutoModelForCausalLM.from_pretrained(tmp_path).eval()
    tokens = torch.randint(31, (3, 12), generator=torch.Generator().manual_seed(0))
    with torch.no_grad():
        assert torch.allclose(model(tokens), other(tokens).logits, atol=2e-5)
    assert type(other).__name__ == "GPT2LMHeadModel"


def test_weights_load_again_and_nothing_else_does(tmp_path: Path) -> None:
    model = noisy(SHAPE)
    save_weights(model, tmp_path)
    again = load_weights(tmp_path)
    assert all(torch.equal(a, b) for a, b in zip(model.parameters(), again.parameters(), strict=True))
    (tmp_path / "model.safetensors").write_bytes(b"not tensors")
    with pytest.raises(InputError, match="cannot be read"):
        load_weights(tmp_path)
    with pytest.raises(InputError, match="do not fit"):
        fill(GPT(GPTShape(31, 12, 2, 2, 16)), model.state_dict())


def test_initial_scales_and_the_count_of_parameters() -> None:
    shape = GPTShape(vocab_size=65, block_size=64, n_layer=4, n_head=4, n_embd=128)
    model = GPT(shape, seed=0)
    # nanoGPT reports 0.80M for this shape: without the positions, 64 x 128.
    assert sum(p.numel() for p in model.parameters()) - 64 * 128 == 795_904
    block = model.transformer.h[0]
    assert block.attn.c_attn.weight.std().item() == pytest.approx(0.02, rel=0.05)
    assert block.mlp.c_proj.weight.std().item() == pytest.approx(0.02 / math.sqrt(8), rel=0.05)
    assert all(decays == (parameter.dim() == 2) for parameter, decays in model.decayed())


@pytest.mark.parametrize("time", [5, 64])
def test_plain_attention_equals_the_fused_kernel(time: int, monkeypatch: pytest.MonkeyPatch) -> None:
    query, key, value = torch.randn(3, 2, 4, time, 8, generator=torch.Generator().manual_seed(0))
    plain = causal_attention(query, key, value, 0.0)
    monkeypatch.setattr(module, "LONGEST_PLAIN", 0)
    assert torch.allclose(plain, causal_attention(query, key, value, 0.0), atol=1e-6)


def test_the_future_is_not_seen() -> None:
    model = noisy(SHAPE)
    tokens = torch.randint(31, (1, 12), generator=torch.Generator().manual_seed(0))
    changed = tokens.clone()
    changed[0, 8:] = (changed[0, 8:] + 1) % 31
    with torch.no_grad():
        assert torch.equal(model(tokens)[:, :8], model(changed)[:, :8])
        assert not torch.equal(model(tokens)[:, 8:], model(changed)[:, 8:])


@pytest.mark.parametrize("headwise", [False, True])
def test_gated_attention_is_attention_times_a_sigmoid(headwise: bool) -> None:
    name = "gated_attention_headwise" if headwise else "gated_attention"
    attention = noisy(GPTShape(31, 12, 1, 2, 16, experiments=(name,))).transformer.h[0].attn
    hidden = torch.randn(2, 7, 16, generator=torch.Generator().manual_seed(3))
    reference = nn.MultiheadAttention(16, 2, bias=False, batch_first=True)
    identity = torch.eye(16)
    with torch.no_grad():
        reference.in_proj_weight.copy_(attention.c_attn.weight)
        reference.out_proj.weight.copy_(identity)
        future = torch.ones(7, 7, dtype=torch.bool).triu(1)
        mixed, _ = reference(hidden, hidden, hidden, attn_mask=future, need_weights=False)
        gate = torch.sigmoid(hidden @ attention.gate.proj.weight.t())
        gate = gate.repeat_interleave(8, dim=-1) if headwise else gate
        expected = (mixed * gate) @ attention.c_proj.weight.t()
        assert torch.allclose(attention(hidden), expected, atol=1e-5)


def test_gated_attention_equals_qwen3_next() -> None:
    """transformers has the gate in Qwen3-Next; without rotation and with unit norms of heads both are the same."""
    modeling = pytest.importorskip("transformers.models.qwen3_next.modeling_qwen3_next")
    from transformers import Qwen3NextConfig

    config = Qwen3NextConfig(
        hidden_size=16, num_attention_heads=2, num_key_value_heads=2, head_dim=8, num_hidden_layers=1, vocab_size=31
    )
    config._attn_implementation = "eager"
    theirs = modeling.Qwen3NextAttention(config, layer_idx=0).eval()
    theirs.q_norm = theirs.k_norm = nn.Identity()
    ours = noisy(GPTShape(31, 12, 1, 2, 16, experiments=("gated_attention",))).transformer.h[0].attn
    query, key, value = ours.c_attn.weight.detach().view(3, 16, 16)
    # Theirs holds query and gate in one matrix, head by head.
    both = torch.cat([query.view(2, 8, 16), ours.gate.proj.weight.detach().view(2, 8, 16)], dim=1)
    with torch.no_grad():
        theirs.q_proj.weight.copy_(both.reshape(32, 16))
        theirs.k_proj.weight.copy_(key)
        theirs.v_proj.weight.copy_(value)
        theirs.o_proj.weight.copy_(ours.c_proj.weight)
        hidden = torch.randn(2, 7, 16, generator=torch.Generator().manual_seed(3))
        turn = (torch.ones(2, 7, 8), torch.zeros(2, 7, 8))
        mask = torch.full((1, 1, 7, 7), float("-inf")).triu(1)
        expected, _ = theirs(hidden, position_embeddings=turn, attention_mask=mask)
        assert torch.allclose(ours(hidden), expected, atol=1e-5)


def test_attention_equals_the_books_code_and_so_does_the_gate_on_it() -> None:
    book = pytest.importorskip("llms_from_scratch.ch03", reason="llms-from-scratch is not installed")
    theirs = book.MultiHeadAttention(16, 16, 12, 0.0, 2, qkv_bias=False).eval()
    plain = noisy(SHAPE).transformer.h[0].attn
    query, key, value = plain.c_attn.weight.detach().view(3, 16, 16)
    with torch.no_grad():
        for layer, weight in ((theirs.W_query, query), (theirs.W_key, key), (theirs.W_value, value)):
            layer.weight.copy_(weight)
        theirs.out_proj.weight.copy_(plain.c_proj.weight)
        theirs.out_proj.bias.zero_()
        hidden = torch.randn(2, 7, 16, generator=torch.Generator().manual_seed(3))
        assert torch.allclose(plain(hidden), theirs(hidden), atol=1e-5)
        # A gate of zeros halves what is mixed, before a projection that is linear.
        gated = GPT(GPTShape(31, 12, 1, 2, 16, experiments=("gated_attention",))).transformer.h[0].attn
        gated.load_state_dict({**plain.state_dict(), "gate.proj.weight": torch.zeros(16, 16)})
        assert torch.allclose(gated(hidden), theirs(hidden) / 2, atol=1e-5)


def test_a_flag_that_is_off_leaves_no_trace() -> None:
    off = GPT(SHAPE, seed=3)
    assert not any("gate" in name for name, _ in off.named_parameters())
    on = GPT(GPTShape(31, 12, 3, 2, 16, experiments=("gated_attention",)), seed=3)
    assert sum("gate" in name for name, _ in on.named_parameters()) == 3
    with pytest.raises(InputError, match="no GPT-2"):
        export(on, Path("unused"))
