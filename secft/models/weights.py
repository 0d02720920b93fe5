"""Writing bfloat16 weights as safetensors with numpy alone (numpy has no bfloat16, torch is heavy)."""

from __future__ import annotations

import json
from collections.abc import Iterable
from pathlib import Path

import numpy as np
from numpy.typing import NDArray


def to_bfloat16(values: NDArray[np.float32]) -> NDArray[np.uint16]:
    """Round float32 to bfloat16 bit patterns, ties to even; values must be finite."""
    bits = np.ascontiguousarray(values, dtype=np.float32).view(np.uint32)
    rounding = ((bits >> np.uint32(16)) & np.uint32(1)) + np.uint32(0x7FFF)
    return ((bits + rounding) >> np.uint32(16)).astype(np.uint16)


def write_bfloat16(path: Path, tensors: Iterable[tuple[str, NDArray[np.float32]]]) -> None:
    """Write tensors as one safetensors file.

    Args:
        path: file to write.
        tensors: (name, float32 values) pairs; each is rounded to bfloat16.

    Source: https://github.com/huggingface/safetensors#format (header length as little-endian
    u64, JSON header padded with spaces to 8 bytes, then the tensors without gaps).
    """
    header: dict[str, object] = {"__metadata__": {"format": "pt"}}
    chunks: list[bytes] = []
    end = 0
    for name, values in tensors:
        chunks.append(to_bfloat16(values).tobytes())
        begin, end = end, end + len(chunks[-1])
        header[name] = {"dtype": "BF16", "shape": list(values.shape), "data_offsets": [begin, end]}
    text = json.dumps(header, separators=(",", ":")).encode()
    text += b" " * (-len(text) % 8)
    with path.open("wb") as handle:
        handle.write(len(text).to_bytes(8, "little"))
        handle.write(text)
        handle.writelines(chunks)
