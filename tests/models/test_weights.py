"""Writing weights."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from secft.models.weights import write_bfloat16


def test_written_weights_are_safetensors(tmp_path: Path) -> None:
    import torch
    from safetensors.torch import load_file

    values = np.arange(6, dtype=np.float32).reshape(2, 3)
    shapes = {"a": values.shape, "b": values[0].shape}
    write_bfloat16(tmp_path / "model.safetensors", shapes, [("a", values), ("b", values[0])])
    loaded = load_file(tmp_path / "model.safetensors")
    assert torch.equal(loaded["a"].float(), torch.from_numpy(values))
    assert loaded["b"].shape == (3,)


def test_other_tensors_than_announced_are_refused(tmp_path: Path) -> None:
    values = np.zeros((2, 3), np.float32)
    with pytest.raises(ValueError, match=r"a of shape \(3, 2\) is due"):
        write_bfloat16(tmp_path / "model.safetensors", {"a": (3, 2)}, [("a", values)])
