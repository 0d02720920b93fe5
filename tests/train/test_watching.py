"""A watcher ends a training that can go on later."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from secft.train import TrainJob, TrainResult, backend_named, run_training
from secft.train.checkpoints import MARKER
from secft.train.progress import StepProgress
from secft.train.watching import StoppedByWatcher, watching

pytestmark = pytest.mark.filterwarnings("ignore::FutureWarning", "ignore::UserWarning")


Make = Callable[..., TrainJob]


def train(job: TrainJob, directory: Path) -> TrainResult:
    return run_training(job, backend_named("trl"), directory, lambda _: None)


def test_a_watcher_ends_a_training_that_can_go_on_later(make_job: Make, tmp_path: Path) -> None:
    job = make_job(epochs=50, save_steps=1000, eval_steps=1000)

    def look(progress: StepProgress) -> None:
        if progress.step >= 3:
            raise StoppedByWatcher("not worth it")

    with watching(look), pytest.raises(StoppedByWatcher, match="not worth it"):
        train(job, tmp_path / "run")
    assert list((tmp_path / "run" / "checkpoints").glob(f"checkpoint-*/{MARKER}"))
    assert not (tmp_path / "run" / "result.json").exists()
