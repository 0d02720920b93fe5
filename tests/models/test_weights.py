"""Writing weights."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from secft.models.weights import write_bfloat16


def test_written_weights_are_safetensors(tmp_path: Path) -> None:
    import torch
    from safetensors.torch import load_file

    values = np.arange(6, dtype=np.float32).reshape(2, 3)
    write_bfloat16(tmp_path / "model.safetensors", [("a", values), ("b", values[0])])
    loaded = load_file(tmp_path / "model.safetensors")
    assert torch.equal(loaded["a"].float(), torch.from_numpy(values))
    assert loaded["b"].shape == (3,)
