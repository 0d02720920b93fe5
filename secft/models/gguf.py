"""Conversion of a GGUF file, quantised in any way, to safetensors, config and tokenizer files.

Transformers can load such a file itself, but dequantises through many small
Python steps each time, with all of it in memory; here numpy writes the
safetensors file once, tensor by tensor. Weights are stored as bfloat16: the
quantisation step of a 4-bit file is more than ten times
coarser than the rounding to 8 significant bits, the file is half as large, and
training and evaluation in either precision then start from identical values.

Source of names and order: llama.cpp, gguf-py/gguf/constants.py and convert_hf_to_gguf.py.
"""

from __future__ import annotations

import json
import os
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from secft.errors import InputError
from secft.models.soundness import gguf_fault
from secft.models.weights import write_bfloat16
from secft.progress import meter

if TYPE_CHECKING:
    from gguf import GGUFReader

BLOCK_NAMES = {
    "attn_norm": "input_layernorm",
    "attn_q": "self_attn.q_proj",
    "attn_k": "self_attn.k_proj",
    "attn_v": "self_attn.v_proj",
    "attn_q_norm": "self_attn.q_norm",
    "attn_k_norm": "self_attn.k_norm",
    "attn_output": "self_attn.o_proj",
    "ffn_norm": "post_attention_layernorm",
    "ffn_gate": "mlp.gate_proj",
    "ffn_up": "mlp.up_proj",
    "ffn_down": "mlp.down_proj",
}
TOP_NAMES = {"token_embd": "model.embed_tokens", "output_norm": "model.norm", "output": "lm_head"}
ROPE_FACTORS = "rope_freqs.weight"
"""Tensor with the factors of Llama 3.1's stretched positions; its settings are not in the file."""
LLAMA3 = {"factor": 8.0, "low_freq_factor": 1.0, "high_freq_factor": 4.0, "original_max_position_embeddings": 8192}
"""Settings of Llama 3.1; Llama 3.2 has the factor 32."""


@dataclass(frozen=True)
class GgufArchitecture:
    """What a kind of model is in transformers.

    Attributes:
        kind: ``model_type`` there.
        model: class of the model.
        permuted: llama.cpp keeps the rows of queries and keys in another order.
        facts: what its config.json has beside the sizes.
    """

    kind: str
    model: str
    permuted: bool
    facts: Mapping[str, Any]


ARCHITECTURES = {
    "llama": GgufArchitecture("llama", "LlamaForCausalLM", True, {"attention_bias": False, "mlp_bias": False}),
    "qwen2": GgufArchitecture("qwen2", "Qwen2ForCausalLM", False, {"use_sliding_window": False}),
    "qwen3": GgufArchitecture(
        "qwen3", "Qwen3ForCausalLM", False, {"attention_bias": False, "use_sliding_window": False}
    ),
}
"""Architecture of a GGUF file -> what it is; Mistral models are of the architecture llama."""


def tensor_name(gguf_name: str) -> str:
    """Translate a GGUF tensor name to the Hugging Face name.

    Raises:
        InputError: if the name does not belong to these architectures.
    """
    parts = gguf_name.split(".")
    if parts[0] == "blk" and len(parts) == 4 and parts[2] in BLOCK_NAMES:
        return f"model.layers.{parts[1]}.{BLOCK_NAMES[parts[2]]}.{parts[3]}"
    if parts[0] in TOP_NAMES and len(parts) == 2:
        return f"{TOP_NAMES[parts[0]]}.{parts[1]}"
    raise InputError(f"GGUF tensor {gguf_name!r} has no place in the architectures {', '.join(ARCHITECTURES)}")


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


def model_config(reader: GGUFReader) -> dict[str, Any]:
    """Write the config.json of a model from GGUF metadata.

    Raises:
        InputError: if the file holds another architecture or lacks a field.
    """
    name = _field(reader, "general.architecture")
    known = ARCHITECTURES.get(name)
    if known is None:
        raise InputError(f"GGUF architecture {name!r} is not supported; there are: {', '.join(ARCHITECTURES)}")
    if int(_field(reader, f"{name}.expert_count", 0) or 0) > 0:
        raise InputError("the GGUF holds a mixture of experts, whose tensors are not converted; take its safetensors")
    heads = int(_field(reader, f"{name}.attention.head_count"))
    hidden = int(_field(reader, f"{name}.embedding_length"))
    names = {tensor.name for tensor in reader.tensors}
    facts = dict(known.facts)
    if "attention_bias" in facts:
        facts["attention_bias"] = "blk.0.attn_q.bias" in names
    return {
        "architectures": [known.model],
        "model_type": known.kind,
        "hidden_size": hidden,
        "intermediate_size": int(_field(reader, f"{name}.feed_forward_length")),
        "num_hidden_layers": int(_field(reader, f"{name}.block_count")),
        "num_attention_heads": heads,
        "num_key_value_heads": int(_field(reader, f"{name}.attention.head_count_kv", heads)),
        "head_dim": int(_field(reader, f"{name}.attention.key_length", hidden // heads)),
        "max_position_embeddings": int(_field(reader, f"{name}.context_length")),
        # GGUF stores the epsilon as float32; the shortest decimal that rounds to it is what was meant.
        "rms_norm_eps": float(str(np.float32(_field(reader, f"{name}.attention.layer_norm_rms_epsilon")))),
        "rope_parameters": _rope(reader, name),
        "vocab_size": _vocabulary(reader, name),
        "hidden_act": "silu",
        **facts,
        "attention_dropout": 0.0,
        "tie_word_embeddings": "output.weight" not in names,
        **_special_tokens(reader),
        "dtype": "bfloat16",
        "use_cache": True,
    }


def _rope(reader: GGUFReader, name: str) -> dict[str, Any]:
    """Return how positions are turned.

    Raises:
        InputError: in a way that is not known.
    """
    base = float(_field(reader, f"{name}.rope.freq_base", 1e4))
    kind = str(_field(reader, f"{name}.rope.scaling.type", "none"))
    told: dict[str, Any] = {"rope_type": "default", "rope_theta": base}
    factors = next((tensor for tensor in reader.tensors if tensor.name == ROPE_FACTORS), None)
    if factors is not None:
        values = np.asarray(factors.data, dtype=np.float32).ravel()
        settings = {**LLAMA3, "factor": float(values.max())}
        if not np.allclose(values, _llama3_factors(2 * len(values), base, settings), rtol=1e-3):
            raise InputError(f"the GGUF stretches positions ({ROPE_FACTORS}) in a way that no Llama model does")
        return {**told, "rope_type": "llama3", **settings}
    if kind in ("none", "default"):
        return told
    if kind not in ("linear", "yarn"):
        raise InputError(f"the GGUF scales positions in the way {kind!r}, which is not known")
    told |= {"rope_type": kind, "factor": float(_field(reader, f"{name}.rope.scaling.factor"))}
    if kind == "yarn":
        before = int(_field(reader, f"{name}.rope.scaling.original_context_length"))
        told["original_max_position_embeddings"] = before
    return told


def _llama3_factors(width: int, base: float, settings: Mapping[str, float]) -> NDArray[np.float64]:
    """Return the divisors of frequencies of Llama 3.1, for half the width of a head."""
    lengths = 2 * np.pi * base ** (np.arange(0, width, 2) / width)
    before = settings["original_max_position_embeddings"]
    low, high = settings["low_freq_factor"], settings["high_freq_factor"]
    smooth = np.clip((before / lengths - low) / (high - low), 0.0, 1.0)
    made: NDArray[np.float64] = 1.0 / ((1.0 - smooth) / settings["factor"] + smooth)
    return made


def _vocabulary(reader: GGUFReader, name: str) -> int:
    told = int(_field(reader, f"{name}.vocab_size", 0) or 0)
    return told or next(int(tensor.shape[1]) for tensor in reader.tensors if tensor.name == "token_embd.weight")


def _special_tokens(reader: GGUFReader) -> dict[str, int]:
    """Return the ids that the file names; the end of a turn counts where there is no end of a text."""
    names = {"bos_token_id": "bos", "eos_token_id": "eos", "pad_token_id": "padding"}
    told = {key: reader.fields.get(f"tokenizer.ggml.{name}_token_id") for key, name in names.items()}
    return {key: int(field.contents()) for key, field in told.items() if field is not None}


def shapes_of(reader: GGUFReader) -> dict[str, list[int]]:
    """Return the Hugging Face name of each tensor that is kept -> its shape, in the order of the file."""
    kept = (tensor for tensor in reader.tensors if tensor.name != ROPE_FACTORS)
    return {tensor_name(tensor.name): [int(size) for size in reversed(tensor.shape)] for tensor in kept}


def quantisation(reader: GGUFReader) -> str:
    """Say how the weights of a file are stored: kinds with their shares of the weights, and bits of a weight."""
    weights: Counter[str] = Counter()
    stored = 0
    for tensor in reader.tensors:
        weights[tensor.tensor_type.name] += int(tensor.n_elements)
        stored += int(tensor.n_bytes)
    total = sum(weights.values())
    shares = [f"{kind} {count / total:.0%}" for kind, count in weights.most_common() if count / total >= 0.005]
    return f"{', '.join(shares)}; {8 * stored / total:.1f} bits a weight"


def dequantised(reader: GGUFReader, config: dict[str, Any]) -> Iterator[tuple[str, NDArray[np.float32]]]:
    """Yield every tensor under its Hugging Face name, in float32."""
    from gguf import dequantize

    permuted = ARCHITECTURES[_field(reader, "general.architecture")].permuted
    heads = {".attn_q.": config["num_attention_heads"], ".attn_k.": config["num_key_value_heads"]}
    for tensor in reader.tensors:
        if tensor.name == ROPE_FACTORS:
            continue
        values = dequantize(tensor.data, tensor.tensor_type).astype(np.float32, copy=False)
        for marker, count in heads.items():
            if permuted and marker in tensor.name:
                values = unpermute(values, count)
        yield tensor_name(tensor.name), values


def _shown(tensors: Iterator[tuple[str, NDArray[np.float32]]], sizes: Sequence[int]) -> Iterator[Any]:
    """Pass tensors on and show how far the conversion is."""
    with meter("converting", sum(sizes), "weights") as show:
        show.begin("GGUF to safetensors")
        for name, values in tensors:
            yield name, values
            show.advance(values.size)


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
    architecture = _field(reader, "general.architecture")
    tokenizer.model_max_length = int(_field(reader, f"{architecture}.context_length"))
    tokenizer.save_pretrained(str(directory))


def convert_gguf(gguf_path: Path, directory: Path) -> dict[str, Any]:
    """Convert a GGUF file into a model directory.

    Args:
        gguf_path: GGUF of one of ARCHITECTURES with its tokenizer.
        directory: existing directory that receives the files.

    Returns:
        Licence, origin, and how the weights were stored.

    Raises:
        InputError: if the file is not a GGUF, or one of another architecture.
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
    config = model_config(reader)
    sizes = [int(tensor.n_elements) for tensor in reader.tensors]
    write_bfloat16(directory / "model.safetensors", shapes_of(reader), _shown(dequantised(reader, config), sizes))
    _write_json(directory / "config.json", config)
    generation: dict[str, Any] = {
        key: config[key] for key in ("bos_token_id", "eos_token_id", "pad_token_id") if key in config
    }
    _write_json(directory / "generation_config.json", generation)
    write_tokenizer(gguf_path, reader, directory)
    told = {"license": _field(reader, "general.license", "unknown"), "origin": gguf_path.name}
    return {**told, "quantisation": quantisation(reader)}


def _write_json(path: Path, value: dict[str, Any]) -> None:
    path.write_text(json.dumps(value, indent=2) + "\n", encoding="utf-8")
