"""What every training loop of trl is wrapped in."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from secft.train import TrainJob
from tests.train.conftest import train_here

# The libraries deprecate things among themselves; what they warn about is not ours to fix here.
pytestmark = [
    pytest.mark.filterwarnings("ignore::FutureWarning", "ignore::UserWarning"),
    pytest.mark.usefixtures("restored_signals"),
]


Make = Callable[..., TrainJob]


def test_gradients_that_stop_reaching_adapters_end_the_run(make_job: Make, tmp_path: Path) -> None:
    from secft.train.backends.trl.sft_trainer import FlatBatchTrainer
    from secft.train.runners.guards import NoGradientError

    original = FlatBatchTrainer.add_loss

    def lose(trainer: FlatBatchTrainer, loss: Any) -> None:
        original(trainer, loss)
        if trainer.state.global_step >= 2:
            for parameter in trainer.model.parameters():
                parameter.grad = None

    FlatBatchTrainer.add_loss = lose  # type: ignore[method-assign]
    try:
        with pytest.raises(NoGradientError, match="no gradient reached the adapters"):
            train_here(make_job(epochs=4, threads=1), tmp_path / "run")
    finally:
        FlatBatchTrainer.add_loss = original  # type: ignore[method-assign]
