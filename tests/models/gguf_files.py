"""Small GGUF files of several architectures, quantised in the ways in which people keep them.

The blocks are packed as llama.cpp's ggml-quants.c unpacks them; scales are plain ones, not searched for.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import gguf
import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float32]
SIZES = {"hidden": 256, "inner": 512, "layers": 2, "context": 512}


def q4_k(values: Floats) -> NDArray[np.uint8]:
    """Pack rows of a multiple of 256 weights: eight scales and minima of six bits, weights of four."""
    blocks = values.reshape(-1, 8, 32)
    low = np.maximum(0, -blocks.min(axis=2))
    step = (blocks.max(axis=2) + low) / 15
    d, dmin = (np.maximum(part.max(axis=1, keepdims=True) / 63, 1e-8).astype(np.float16) for part in (step, low))
    steps, lows = (
        np.clip(np.rint(part / whole.astype(np.float32)), 0, 63).astype(np.uint8)
        for part, whole in ((step, d), (low, dmin))
    )
    real = d.astype(np.float32) * steps, dmin.astype(np.float32) * lows
    scaled = (blocks + real[1][..., None]) / np.maximum(real[0][..., None], 1e-12)
    q = np.clip(np.rint(scaled), 0, 15).astype(np.uint8)
    packed = np.empty((len(blocks), 12), np.uint8)
    packed[:, :4] = (steps[:, :4] & 63) | (steps[:, 4:] >> 4 << 6)
    packed[:, 4:8] = (lows[:, :4] & 63) | (lows[:, 4:] >> 4 << 6)
    packed[:, 8:] = (steps[:, 4:] & 15) | ((lows[:, 4:] & 15) << 4)
    nibbles = (q[:, 0::2] | (q[:, 1::2] << 4)).reshape(len(blocks), 128)
    return np.concatenate([d.view(np.uint8), dmin.view(np.uint8), packed, nibbles], axis=1).reshape(len(values), -1)


def q6_k(values: Floats) -> NDArray[np.uint8]:
    """Pack rows of a multiple of 256 weights: sixteen scales of eight bits, weights of six."""
    blocks = values.reshape(-1, 16, 16)
    step = np.abs(blocks).max(axis=2) / 31
    d = np.maximum(step.max(axis=1, keepdims=True) / 127, 1e-8).astype(np.float16)
    steps = np.clip(np.rint(step / d.astype(np.float32)), 0, 127).astype(np.int8)
    real = np.maximum((d.astype(np.float32) * steps)[..., None], 1e-12)
    q = (np.clip(np.rint(blocks / real), -32, 31) + 32).astype(np.uint8).reshape(-1, 2, 4, 32)
    low = np.concatenate([q[:, :, 0:2] & 15 | (q[:, :, 2:4] & 15) << 4], axis=2).reshape(len(blocks), 128)
    high = (q[:, :, 0] >> 4 | q[:, :, 1] >> 4 << 2 | q[:, :, 2] >> 4 << 4 | q[:, :, 3] >> 4 << 6).reshape(-1, 64)
    return np.concatenate([low, high, steps.view(np.uint8), d.view(np.uint8)], axis=1).reshape(len(values), -1)


def q8_0(values: Floats) -> NDArray[np.uint8]:
    """Pack by the library's own quantisation."""
    packed: NDArray[np.uint8] = gguf.quantize(values, gguf.GGMLQuantizationType.Q8_0)
    return packed


PACKED: dict[str, tuple[Callable[[Floats], NDArray[np.uint8]], gguf.GGMLQuantizationType]] = {
    "Q4_K": (q4_k, gguf.GGMLQuantizationType.Q4_K),
    "Q6_K": (q6_k, gguf.GGMLQuantizationType.Q6_K),
    "Q8_0": (q8_0, gguf.GGMLQuantizationType.Q8_0),
}


def kind_of(name: str, how: str) -> str:
    """Return how a tensor of a file is stored: Q4_K_M keeps some of them in Q6_K."""
    if how == "Q4_K_M":
        return "Q6_K" if name in ("output.weight", "token_embd.weight") or ".ffn_down." in name else "Q4_K"
    return how


def write_gguf(
    path: Path,
    architecture: str,
    how: str,
    vocabulary: dict[str, Any],
    *,
    biases: bool = False,
    heads: tuple[int, int] = (4, 2),
    **fields: Any,
) -> dict[str, Floats]:
    """Write a random model and return its weights before they were quantised, by their names in the file.

    Args:
        path: of the file.
        architecture: llama or qwen2 or qwen3.
        how: Q4_K_M, Q6_K or Q8_0.
        vocabulary: ``model``, ``pre``, ``tokens``, ``types``, ``merges`` or ``scores``, and ids of special tokens.
        biases: queries, keys and values have them.
        heads: of queries, and of keys and values.
        fields: further ones of the architecture: name -> float or whole number.
    """
    random = np.random.default_rng(5)
    size = {**SIZES, "heads": heads[0], "kv": heads[1]}
    width = size["hidden"] // size["heads"]
    writer = gguf.GGUFWriter(str(path), architecture)
    writer.add_context_length(size["context"])
    writer.add_embedding_length(size["hidden"])
    writer.add_feed_forward_length(size["inner"])
    writer.add_block_count(size["layers"])
    writer.add_head_count(size["heads"])
    writer.add_head_count_kv(size["kv"])
    writer.add_layer_norm_rms_eps(1e-5)
    writer.add_rope_freq_base(1e4)
    writer.add_rope_dimension_count(width)
    writer.add_license("apache-2.0")
    for name, value in fields.items():
        add = writer.add_float32 if isinstance(value, float) else writer.add_uint32
        add(f"{architecture}.{name.replace('__', '.')}", value)
    _tokenizer(writer, vocabulary)
    weights = {
        "token_embd.weight": (len(vocabulary["tokens"]), size["hidden"]),
        "output.weight": (len(vocabulary["tokens"]), size["hidden"]),
        "output_norm.weight": (size["hidden"],),
    }
    for layer in range(size["layers"]):
        block = {
            "attn_norm.weight": (size["hidden"],), "ffn_norm.weight": (size["hidden"],),
            "attn_q.weight": (size["heads"] * width, size["hidden"]),
            "attn_k.weight": (size["kv"] * width, size["hidden"]),
            "attn_v.weight": (size["kv"] * width, size["hidden"]),
            "attn_output.weight": (size["hidden"], size["heads"] * width),
            "ffn_gate.weight": (size["inner"], size["hidden"]), "ffn_up.weight": (size["inner"], size["hidden"]),
            "ffn_down.weight": (size["hidden"], size["inner"]),
        }  # fmt: skip
        if biases:
            block |= {f"attn_{part}.bias": block[f"attn_{part}.weight"][:1] for part in "qkv"}
        if architecture == "qwen3":
            block |= {f"attn_{part}_norm.weight": (width,) for part in "qk"}
        weights |= {f"blk.{layer}.{name}": shape for name, shape in block.items()}
    made: dict[str, Floats] = {}
    for name, shape in weights.items():
        values = (random.standard_normal(shape) * 0.05).astype(np.float32) + (1.0 if "norm" in name else 0.0)
        made[name] = values
        if values.ndim == 1:
            writer.add_tensor(name, values)
        else:
            pack, kind = PACKED[kind_of(name, how)]
            writer.add_tensor(name, pack(values), raw_dtype=kind)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    return made


def _tokenizer(writer: gguf.GGUFWriter, vocabulary: dict[str, Any]) -> None:
    writer.add_tokenizer_model(vocabulary["model"])
    if vocabulary.get("pre"):
        writer.add_tokenizer_pre(vocabulary["pre"])
    writer.add_token_list(vocabulary["tokens"])
    writer.add_token_types(vocabulary["types"])
    if "merges" in vocabulary:
        writer.add_token_merges(vocabulary["merges"])
    if "scores" in vocabulary:
        writer.add_token_scores(vocabulary["scores"])
    for name, number in vocabulary.get("special", {}).items():
        writer.add_uint32(f"tokenizer.ggml.{name}_token_id", number)
    if vocabulary.get("template"):
        writer.add_chat_template(vocabulary["template"])


def byte_level(template: str = "") -> dict[str, Any]:
    """A vocabulary of GPT-2's kind: bytes, a few merges, two tokens of turns."""
    from transformers.convert_slow_tokenizer import bytes_to_unicode

    letters = list(bytes_to_unicode().values())
    merges = ["t h", "th e", "i n", "Ġ a", "e r"]
    tokens = [*letters, *("".join(merge.split()) for merge in merges), "<|im_start|>", "<|im_end|>", "<|endoftext|>"]
    normal, control = int(gguf.TokenType.NORMAL), int(gguf.TokenType.CONTROL)
    last = len(tokens) - 1
    return {
        "model": "gpt2",
        "pre": "qwen2",
        "tokens": tokens,
        "types": [normal] * (len(tokens) - 3) + [control] * 3,
        "merges": merges,
        "special": {"bos": last, "eos": last - 1, "padding": last},
        "template": template,
    }


def sentence_pieces(template: str = "") -> dict[str, Any]:
    """A vocabulary of Llama's and Mistral's kind: pieces with scores, bytes for the rest, no token for padding."""
    pieces = ["▁", *"abcdefghijklmnopqrstuvwxyz.?!:,", "▁a", "th", "the", "▁the", "in", "er"]
    tokens = ["<unk>", "<s>", "</s>", *(f"<0x{byte:02X}>" for byte in range(256)), *pieces]
    kinds = gguf.TokenType
    types = [int(kinds.UNKNOWN), int(kinds.CONTROL), int(kinds.CONTROL)]
    types += [int(kinds.BYTE)] * 256 + [int(kinds.NORMAL)] * len(pieces)
    return {
        "model": "llama",
        "pre": "default",
        "tokens": tokens,
        "types": types,
        "scores": [0.0] * 259 + [-float(number) for number in range(len(pieces), 0, -1)],
        "special": {"bos": 1, "eos": 2, "unknown": 0},
        "template": template,
    }
