"""What the weights of a base model say about themselves, read off the headers of its files."""

from __future__ import annotations

import json
from functools import lru_cache
from pathlib import Path
from typing import Any

from secft.errors import InputError
from secft.models.base_model import weight_files
from secft.models.facts import EMBEDDINGS

MAX_HEADER = 100 * 2**20
"""Bytes of a header; the format's own limit."""
MATRIX = 2


@lru_cache(maxsize=8)
def tensor_shapes(directory: Path) -> dict[str, tuple[int, ...]]:
    """Return name -> shape of every tensor of a model directory.

    Raises:
        InputError: a file is no safetensors file.
    """
    found: dict[str, tuple[int, ...]] = {}
    for path in weight_files(directory):
        for name, entry in _header(path).items():
            if name != "__metadata__":
                found[name] = tuple(int(size) for size in entry["shape"])
    return found


def _header(path: Path) -> dict[str, Any]:
    with path.open("rb") as stream:
        size = int.from_bytes(stream.read(8), "little")
        if not 0 < size <= MAX_HEADER:
            raise InputError(f"{path}: is no safetensors file (its header would have {size:,} bytes)")
        try:
            header = json.loads(stream.read(size))
        except (json.JSONDecodeError, UnicodeDecodeError) as error:
            raise InputError(f"{path}: is no safetensors file ({error})") from error
    if not isinstance(header, dict):
        raise InputError(f"{path}: is no safetensors file (its header is no object)")
    return header


def embedding_rows(directory: Path) -> int | None:
    """Return for how many token ids a model has an embedding, or None if its weights do not tell."""
    for name, shape in tensor_shapes(directory).items():
        if name.endswith(EMBEDDINGS) and len(shape) == MATRIX:
            return shape[0]
    return None


def linear_modules(directory: Path) -> list[str]:
    """Return the dotted names of modules that hold a matrix and are no embedding, in the order of the files."""
    return [
        name.removesuffix(".weight")
        for name, shape in tensor_shapes(directory).items()
        if name.endswith(".weight") and len(shape) == MATRIX and not name.endswith(EMBEDDINGS)
    ]
