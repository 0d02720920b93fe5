"""Conversion of a Llama-architecture GGUF file to safetensors, config and tokenizer files.

Transformers can load such a file itself, but dequantises through many small
Python steps each time; here numpy writes the safetensors file once. Weights are
stored as bfloat16: the quantisation step of a 4-bit file is more than ten times
coarser than the rounding to 8 significant bits, the file is half as large, and
training and evaluation in either precision then start from identical values.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from secft.errors import InputError
from secft.models.soundness import gguf_fault
from secft.models.weights import write_bfloat16

if TYPE_CHECKING:
    from gguf import GGUFReader

BLOCK_NAMES = {
    "attn_norm": "input_layernorm",
    "attn_q": "self_attn.q_proj",
    "attn_k": "self_attn.k_proj",
    "attn_v": "self_attn.v_proj",
    "attn_output": "self_attn.o_proj",
    "ffn_norm": "post_attention_layernorm",
    "ffn_gate": "mlp.gate_proj",
    "ffn_up": "mlp.up_proj",
    "ffn_down": "mlp.down_proj",
}
TOP_NAMES = {"token_embd": "model.embed_tokens", "output_norm": "model.norm", "output": "lm_head"}


def tensor_name(gguf_name: str) -> str:
    """Translate a GGUF tensor name to the Hugging Face name.

    Raises:
        InputError: if the name does not belong to the Llama architecture.
    """
    parts = gguf_name.split(".")
    if parts[0] == "blk" and len(parts) == 4 and parts[2] in BLOCK_NAMES:
        return f"model.layers.{parts[1]}.{BLOCK_NAMES[parts[2]]}.{parts[3]}"
    if parts[0] in TOP_NAMES and len(parts) == 2:
        return f"{TOP_NAMES[parts[0]]}.{parts[1]}"
    raise InputError(f"GGUF tensor {gguf_name!r} has no place in the Llama architecture")


def unpermute(weight: NDArray[np.float32], heads: int) -> NDArray[np.float32]:
    """Undo llama.cpp's interleaving of the rotary halves.

    Args:
        weight: shape (heads * head_dim, hidden); a query or key projection.
        heads: number of query or key heads.

    Returns:
        Same shape, rows in Hugging Face order (first half, second half of each head).
    """
    half = weight.shape[0] // heads // 2
    return weight.reshape(heads, half, 2, -1).swapaxes(1, 2).reshape(weight.shape)


def _field(reader: GGUFReader, key: str, default: Any = None) -> Any:
    field = reader.fields.get(key)
    if field is None:
        if default is None:
            raise InputError(f"GGUF file has no field {key!r}")
        return default
    return field.contents()


def llama_config(reader: GGUFReader) -> dict[str, Any]:
    """Write the config.json of a Llama model from GGUF metadata.

    Raises:
        InputError: if the file holds another architecture or lacks a field.
    """
    architecture = _field(reader, "general.architecture")
    if architecture != "llama":
        raise InputError(f"GGUF architecture {architecture!r} is not supported; expected 'llama'")
    heads = int(_field(reader, "llama.attention.head_count"))
    hidden = int(_field(reader, "llama.embedding_length"))
    return {
        "architectures": ["LlamaForCausalLM"],
        "model_type": "llama",
        "hidden_size": hidden,
        "intermediate_size": int(_field(reader, "llama.feed_forward_length")),
        "num_hidden_layers": int(_field(reader, "llama.block_count")),
        "num_attention_heads": heads,
        "num_key_value_heads": int(_field(reader, "llama.attention.head_count_kv", heads)),
        "head_dim": hidden // heads,
        "max_position_embeddings": int(_field(reader, "llama.context_length")),
        # GGUF stores the epsilon as float32; the shortest decimal that rounds to it is what was meant.
        "rms_norm_eps": float(str(np.float32(_field(reader, "llama.attention.layer_norm_rms_epsilon")))),
        "rope_parameters": {"rope_type": "default", "rope_theta": float(_field(reader, "llama.rope.freq_base", 1e4))},
        "vocab_size": int(_field(reader, "llama.vocab_size")),
        "hidden_act": "silu",
        "attention_bias": False,
        "mlp_bias": False,
        "attention_dropout": 0.0,
        "tie_word_embeddings": all(tensor.name != "output.weight" for tensor in reader.tensors),
        "bos_token_id": int(_field(reader, "tokenizer.ggml.bos_token_id")),
        "eos_token_id": int(_field(reader, "tokenizer.ggml.eos_token_id")),
        "pad_token_id": int(_field(reader, "tokenizer.ggml.padding_token_id")),
        "dtype": "bfloat16",
        "use_cache": True,
    }


def dequantised(reader: GGUFReader, config: dict[str, Any]) -> Iterator[tuple[str, NDArray[np.float32]]]:
    """Yield every tensor under its Hugging Face name, in float32."""
    from gguf import dequantize

    heads = {".attn_q.": config["num_attention_heads"], ".attn_k.": config["num_key_value_heads"]}
    for tensor in reader.tensors:
        values = dequantize(tensor.data, tensor.tensor_type).astype(np.float32, copy=False)
        for marker, count in heads.items():
            if marker in tensor.name:
                values = unpermute(values, count)
        yield tensor_name(tensor.name), values


def write_tokenizer(gguf_path: Path, reader: GGUFReader, directory: Path) -> None:
    """Write tokenizer.json, tokenizer_config.json and chat_template.jinja from GGUF metadata.

    Transformers' conversion ignores the declared pre-tokenizer. Where it says
    ``smollm``, digits are split before the byte-level step, as in the original
    tokenizer and in llama.cpp; without it, runs of spaces before a number differ.
    """
    os.environ.setdefault("HF_HUB_OFFLINE", "1")
    from tokenizers import pre_tokenizers
    from transformers import AutoTokenizer

    tokenizer = AutoTokenizer.from_pretrained(
        str(gguf_path.parent), gguf_file=gguf_path.name, local_files_only=True, trust_remote_code=False
    )
    if _field(reader, "tokenizer.ggml.pre", "default") == "smollm":
        tokenizer.backend_tokenizer.pre_tokenizer = pre_tokenizers.Sequence(
            [pre_tokenizers.Digits(individual_digits=True), pre_tokenizers.ByteLevel(add_prefix_space=False)]
        )
    tokenizer.model_max_length = int(_field(reader, "llama.context_length"))
    tokenizer.save_pretrained(str(directory))


def convert_gguf(gguf_path: Path, directory: Path) -> dict[str, Any]:
    """Convert a GGUF file into a model directory.

    Args:
        gguf_path: Llama-architecture GGUF with tokenizer and chat template.
        directory: existing directory that receives the files.

    Returns:
        Licence and origin as the GGUF states them.

    Raises:
        InputError: if the file is not a GGUF or not a Llama model.
    """
    fault = gguf_fault(gguf_path)
    if fault:
        raise InputError(f"{gguf_path} {fault}")
    try:
        return _convert(gguf_path, directory)
    except InputError:
        raise
    except Exception as error:  # whatever a field of the wrong kind brings up in the libraries
        raise InputError(f"{gguf_path} cannot be converted ({type(error).__name__}: {str(error)[:200]})") from error


def _convert(gguf_path: Path, directory: Path) -> dict[str, Any]:
    from gguf import GGUFReader

    reader = GGUFReader(gguf_path)
    config = llama_config(reader)
    write_bfloat16(directory / "model.safetensors", dequantised(reader, config))
    _write_json(directory / "config.json", config)
    generation = {key: config[key] for key in ("bos_token_id", "eos_token_id", "pad_token_id")}
    _write_json(directory / "generation_config.json", generation)
    write_tokenizer(gguf_path, reader, directory)
    return {"license": _field(reader, "general.license", "unknown"), "origin": gguf_path.name}


def _write_json(path: Path, value: dict[str, Any]) -> None:
    path.write_text(json.dumps(value, indent=2) + "\n", encoding="utf-8")
