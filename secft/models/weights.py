"""Writing bfloat16 weights as safetensors with numpy alone (numpy has no bfloat16, torch is heavy)."""

from __future__ import annotations

import json
import math
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray


def to_bfloat16(values: NDArray[np.float32]) -> NDArray[np.uint16]:
    """Round float32 to bfloat16 bit patterns, ties to even; values must be finite."""
    bits = np.ascontiguousarray(values, dtype=np.float32).view(np.uint32)
    rounding = ((bits >> np.uint32(16)) & np.uint32(1)) + np.uint32(0x7FFF)
    return ((bits + rounding) >> np.uint32(16)).astype(np.uint16)


def write_bfloat16(
    path: Path, shapes: Mapping[str, Sequence[int]], tensors: Iterable[tuple[str, NDArray[np.float32]]]
) -> None:
    """Write tensors as one safetensors file; one of them is in memory at a time.

    Args:
        path: file to write.
        shapes: name -> shape, in the order of the file.
        tensors: (name, float32 values) pairs in the same order; each is rounded to bfloat16.

    Raises:
        ValueError: the tensors are others than the shapes say.

    Source: https://github.com/huggingface/safetensors#format (header length as little-endian
    u64, JSON header padded with spaces to 8 bytes, then the tensors without gaps).
    """
    header: dict[str, object] = {"__metadata__": {"format": "pt"}}
    end = 0
    for name, shape in shapes.items():
        begin, end = end, end + 2 * math.prod(shape)
        header[name] = {"dtype": "BF16", "shape": list(shape), "data_offsets": [begin, end]}
    text = json.dumps(header, separators=(",", ":")).encode()
    text += b" " * (-len(text) % 8)
    with path.open("wb") as handle:
        handle.write(len(text).to_bytes(8, "little"))
        handle.write(text)
        for (name, shape), (found, values) in zip(shapes.items(), tensors, strict=True):
            if found != name or tuple(values.shape) != tuple(shape):
                raise ValueError(f"{name} of shape {tuple(shape)} is due, not {found} of {tuple(values.shape)}")
            handle.write(to_bfloat16(values).tobytes())
