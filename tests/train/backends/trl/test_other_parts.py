"""Models that also see: adapters go to what reads and writes text."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from secft.train import TrainJob
from tests.matrix.tiny_models import build_seeing
from tests.train.conftest import train_here

pytestmark = pytest.mark.filterwarnings("ignore::FutureWarning", "ignore::UserWarning")


@pytest.mark.usefixtures("restored_signals")
def test_no_adapter_is_where_no_text_comes_by(make_job: Callable[..., TrainJob], tmp_path: Path) -> None:
    from safetensors import safe_open

    base = build_seeing(tmp_path / "seeing")
    job = make_job(max_steps=1, eval_steps=0, save_steps=0, max_length=512, model_dir=str(base))
    result = train_here(job, tmp_path / "run")
    with safe_open(str(result.adapter_dir / "adapter_model.safetensors"), "pt") as weights:
        names = list(weights.keys())
    assert any("language_model" in name for name in names)
    assert not [name for name in names if "language_model" not in name]
