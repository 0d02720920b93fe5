"""Fused kernels for layers on a GPU."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from secft.errors import InputError, MissingExtraError
from secft.train import TrainJob
from tests.train.conftest import train_here

# The libraries deprecate things among themselves; what they warn about is not ours to fix here.
pytestmark = [
    pytest.mark.filterwarnings("ignore::FutureWarning", "ignore::UserWarning"),
    pytest.mark.usefixtures("restored_signals"),
]


Make = Callable[..., TrainJob]


def test_fused_kernels_reach_the_layers_and_leave_the_loss(
    make_job: Make, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import torch
    import transformers.integrations.liger

    from secft.train.backends.trl import fused, loading

    with pytest.raises(InputError, match="needs a CUDA device"):
        train_here(make_job(kernels="liger"), tmp_path / "required")
    seen: list[tuple[str, dict[str, bool]]] = []
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(
        transformers.integrations.liger,
        "apply_liger_kernel",
        lambda model, how: seen.append((type(model).__name__, how)),
    )
    with pytest.raises(MissingExtraError, match=r"needs liger-kernel.*\[liger\]"):
        fused.fuses(make_job(kernels="liger"))
    loading.load_base(make_job(), "fp32")
    assert not seen, "not installed"
    monkeypatch.setattr(fused, "find_spec", lambda name: object())
    loading.load_base(make_job(kernels="none"), "fp32")
    assert not seen
    loading.load_base(make_job(), "fp32")
    assert seen == [("LlamaForCausalLM", {"cross_entropy": False, "fused_linear_cross_entropy": False})]
