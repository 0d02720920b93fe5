"""What the files of a model say about its sizes; no library for models is needed, and no weight is read."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from secft.errors import InputError
from secft.models.base_model import weight_files
from secft.models.gguf_layout import GgufLayout
from secft.models.soundness import read_header, read_object

HEADS = ("lm_head.weight", "output.weight", "embed_out.weight")
"""Names under which models keep an output layer of their own."""
EMBEDDINGS = ("embed_tokens.weight", "wte.weight", "word_embeddings.weight", "embed_in.weight", "tok_embeddings.weight")
"""Names under which models keep their input embeddings."""
USUAL_HEAD = 128
"""Width of an attention head where the files tell none."""
_LAYER = re.compile(r"\.(?:layers|h|blocks)\.(\d+)\.")
MATRIX = 2


@dataclass(frozen=True)
class ModelFacts:
    """Sizes of a causal language model.

    Attributes:
        kind: the ``model_type`` of its config.json.
        layers: decoder layers.
        hidden_size: width of the residual stream.
        intermediate_size: width of the feed-forward block, or of one expert's.
        attention_heads: query heads.
        key_value_heads: key and value heads.
        head_width: width of a head.
        vocabulary: rows of the embeddings.
        tied_embeddings: input and output embeddings are one matrix.
        experts: feed-forward blocks of a layer.
        context_length: longest sequence, tokens; 0 where the files do not tell.
    """

    kind: str
    layers: int
    hidden_size: int
    intermediate_size: int
    attention_heads: int
    key_value_heads: int
    head_width: int
    vocabulary: int
    tied_embeddings: bool
    experts: int
    context_length: int


def text_config(config: Mapping[str, Any]) -> Mapping[str, Any]:
    """Return the part of a config.json that describes the language model: models that see keep it apart."""
    part = config.get("text_config")
    return part if isinstance(part, dict) else config


def read_facts(directory: Path) -> ModelFacts:
    """Read the sizes of a model.

    Raises:
        InputError: a file is not what it should be.
    """
    whole = read_object(directory / "config.json")
    config, shapes = text_config(whole), _shapes(directory)
    matrix = _ending(shapes, EMBEDDINGS)
    hidden = _number(config, "hidden_size", "n_embd", "d_model") or (matrix[1] if matrix else 0)
    heads = _number(config, "num_attention_heads", "n_head")
    width = _number(config, "head_dim") or (hidden // heads if heads else _head_width(shapes))
    heads = heads or _rows(shapes, "q_proj.weight") // width
    numbers = [int(match.group(1)) for name in shapes if (match := _LAYER.search(name))]
    return ModelFacts(
        kind=str(whole.get("model_type") or ""),
        layers=_number(config, "num_hidden_layers", "n_layer") or max(numbers, default=-1) + 1,
        hidden_size=hidden,
        intermediate_size=_number(config, "moe_intermediate_size", "intermediate_size", "n_inner")
        or _rows(shapes, "gate_proj.weight")
        or 4 * hidden,
        attention_heads=heads,
        key_value_heads=_number(config, "num_key_value_heads") or _rows(shapes, "k_proj.weight") // width or heads,
        head_width=width,
        vocabulary=matrix[0] if matrix else _number(config, "vocab_size"),
        tied_embeddings=_tied(whole, config, shapes),
        experts=_number(config, "num_local_experts", "num_experts", "n_routed_experts") or 1,
        context_length=_number(config, "max_position_embeddings", "n_positions", "seq_length"),
    )


def gguf_facts(layout: GgufLayout) -> ModelFacts:
    """Return the sizes of a model that a GGUF file holds."""
    facts, kind = layout.facts, str(layout.facts.get("general.architecture", ""))

    def number(name: str) -> int:
        value = facts.get(f"{kind}.{name}")
        return value if type(value) is int and value > 0 else 0

    hidden, heads = number("embedding_length"), number("attention.head_count")
    return ModelFacts(
        kind=kind,
        layers=number("block_count"),
        hidden_size=hidden,
        intermediate_size=number("feed_forward_length"),
        attention_heads=heads,
        key_value_heads=number("attention.head_count_kv") or heads,
        head_width=number("attention.key_length") or (hidden // heads if heads else 0),
        vocabulary=layout.shapes.get("token_embd.weight", (0, 0))[-1],
        tied_embeddings="output.weight" not in layout.shapes,
        experts=number("expert_count") or 1,
        context_length=number("context_length"),
    )


def _tied(whole: Mapping[str, Any], config: Mapping[str, Any], shapes: Mapping[str, tuple[int, ...]]) -> bool:
    said = config.get("tie_word_embeddings", whole.get("tie_word_embeddings"))
    return said is True or (not _ending(shapes, HEADS) if shapes else said is not False)


def _shapes(directory: Path) -> dict[str, tuple[int, ...]]:
    headers = [read_header(path) for path in weight_files(directory)]
    try:
        return {name: tuple(map(int, entry["shape"])) for header in headers for name, entry in header.items()}
    except (KeyError, TypeError, ValueError) as error:
        raise InputError(f"{directory}: the header of the weights tells no shapes ({error!r})") from error


def _ending(shapes: Mapping[str, tuple[int, ...]], endings: tuple[str, ...]) -> tuple[int, ...]:
    """Return the shape of the first matrix whose name ends so, or nothing."""
    return next((shape for name, shape in shapes.items() if name.endswith(endings) and len(shape) == MATRIX), ())


def _rows(shapes: Mapping[str, tuple[int, ...]], ending: str) -> int:
    return (_ending(shapes, (ending,)) or (0,))[0]


def _head_width(shapes: Mapping[str, tuple[int, ...]]) -> int:
    norms = [shape[0] for name, shape in shapes.items() if name.endswith("q_norm.weight") and len(shape) == 1]
    return norms[0] if norms else USUAL_HEAD


def _number(config: Mapping[str, Any], *keys: str) -> int:
    """Return the first of some settings that is a whole number above zero, or 0."""
    values = (config.get(key) for key in keys)
    return next((value for value in values if type(value) is int and value > 0), 0)
