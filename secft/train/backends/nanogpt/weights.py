"""Weights on disk: here as ``gpt.json`` and ``model.safetensors``, for everybody else as a GPT-2 of transformers.

No pickle: a file that somebody gave cannot run code when it is loaded.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, fields
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file
from torch import Tensor

from secft.errors import InputError
from secft.files import link_or_copy, read_json, write_json
from secft.train.backends.nanogpt.meta import read_meta
from secft.train.backends.nanogpt.model import GPT, GPTShape

FORMAT = "secft-gpt/1"
SHAPE, WEIGHTS = "gpt.json", "model.safetensors"
# transformers keeps these as (input, output), torch's linear layers as (output, input).
_TRANSPOSED = ("attn.c_attn.weight", "attn.c_proj.weight", "mlp.c_fc.weight", "mlp.c_proj.weight")


def save_weights(model: GPT, directory: Path) -> None:
    """Write shape and weights."""
    directory.mkdir(parents=True, exist_ok=True)
    write_json(directory / SHAPE, {"format": FORMAT, **asdict(model.shape)})
    tensors = {name: value.detach().to("cpu").contiguous() for name, value in model.state_dict().items()}
    save_file(tensors, directory / WEIGHTS)


def load_weights(directory: Path) -> GPT:
    """Load what save_weights wrote.

    Raises:
        InputError: a file is missing, of another format, or does not fit the shape.
    """
    values: Any = read_json(directory / SHAPE)
    known = {entry.name for entry in fields(GPTShape)}
    if not isinstance(values, dict) or values.pop("format", None) != FORMAT or set(values) != known:
        raise InputError(f"{directory / SHAPE}: not a shape of the format {FORMAT}.")
    model = GPT(GPTShape(**{**values, "experiments": tuple(values["experiments"])}))
    try:
        fill(model, load_file(directory / WEIGHTS))
    except (OSError, SafetensorError) as error:
        raise InputError(f"{directory / WEIGHTS}: cannot be read ({error}).") from error
    return model


def fill(model: GPT, tensors: Mapping[str, Tensor]) -> None:
    """Copy weights into a model.

    Raises:
        InputError: a name is missing or too many, or a shape differs.
    """
    own = model.state_dict()
    wrong = sorted(set(own) ^ set(tensors)) or [name for name in own if own[name].shape != tensors[name].shape]
    if wrong:
        raise InputError(f"the weights do not fit the model: {', '.join(wrong[:5])}.")
    with torch.no_grad():
        for name, value in own.items():
            value.copy_(tensors[name])


def export(model: GPT, directory: Path, data_dir: Path | None = None) -> None:
    """Write a directory that ``transformers.AutoModelForCausalLM`` loads, with a tokenizer where the data tells one.

    Args:
        model: without experiments: GPT-2 has no place for them.
        directory: receives config.json, model.safetensors and the tokenizer.
        data_dir: the data it was trained on.

    Raises:
        InputError: the model has experiments.
    """
    if model.shape.experiments:
        names = ", ".join(model.shape.experiments)
        raise InputError(f"a model with {names} is no GPT-2; it can be loaded by secft only.")
    directory.mkdir(parents=True, exist_ok=True)
    save_file(_gpt2_tensors(model), directory / WEIGHTS, metadata={"format": "pt"})
    write_json(directory / "config.json", _gpt2_config(model.shape))
    if data_dir is not None:
        write_tokenizer(data_dir, directory, model.shape.block_size)


def _gpt2_tensors(model: GPT) -> dict[str, Tensor]:
    """Rename and transpose; biases that the model does not have become zeros."""
    tensors: dict[str, Tensor] = {}
    for name, value in model.state_dict().items():
        weights = value.detach().to("cpu", torch.float32)
        linear = name.endswith(_TRANSPOSED)
        tensors[name] = (weights.t() if linear else weights).contiguous()
        if not model.shape.bias and (linear or ".ln_" in name):
            tensors[name.removesuffix("weight") + "bias"] = torch.zeros(value.shape[0])
    return tensors


def _gpt2_config(shape: GPTShape) -> dict[str, Any]:
    return {
        "architectures": ["GPT2LMHeadModel"],
        "model_type": "gpt2",
        "vocab_size": shape.vocab_size,
        "n_positions": shape.block_size,
        "n_ctx": shape.block_size,
        "n_embd": shape.n_embd,
        "n_layer": shape.n_layer,
        "n_head": shape.n_head,
        "activation_function": "gelu",
        "resid_pdrop": shape.dropout,
        "embd_pdrop": shape.dropout,
        "attn_pdrop": shape.dropout,
        "layer_norm_epsilon": 1e-5,
        "initializer_range": 0.02,
        "tie_word_embeddings": True,
        "bos_token_id": None,
        "eos_token_id": None,
        "torch_dtype": "float32",
    }


def write_tokenizer(data_dir: Path, directory: Path, longest: int) -> None:
    """Write the tokenizer of a data set: its own file, or one that knows each character of ``meta.pkl``."""
    if (data_dir / "tokenizer.json").is_file():
        link_or_copy(data_dir / "tokenizer.json", directory / "tokenizer.json")
    elif (data_dir / "meta.pkl").is_file():
        stoi = read_meta(data_dir / "meta.pkl").get("stoi")
        if stoi is None:
            return
        (directory / "tokenizer.json").write_text(json.dumps(_characters(stoi), indent=1), encoding="utf-8")
    else:
        return
    settings = {"tokenizer_class": "PreTrainedTokenizerFast", "model_max_length": longest}
    write_json(directory / "tokenizer_config.json", {**settings, "clean_up_tokenization_spaces": False})


def _characters(stoi: Mapping[str, int]) -> dict[str, Any]:
    """Return a BPE without merges: every character is a token; one that it does not know is left out."""
    model: dict[str, Any] = {"type": "BPE", "vocab": dict(stoi), "merges": [], "dropout": None, "unk_token": None}
    rest = {"continuing_subword_prefix": None, "end_of_word_suffix": None, "fuse_unk": False, "byte_fallback": False}
    empty: dict[str, Any] = {
        "truncation": None,
        "padding": None,
        "added_tokens": [],
        "normalizer": None,
        "pre_tokenizer": None,
    }
    return {"version": "1.0", **empty, "post_processor": None, "decoder": {"type": "Fuse"}, "model": {**model, **rest}}
