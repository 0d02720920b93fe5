"""A quantised base on a CPU."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from secft.train import TrainJob
from secft.train.metrics import read_metrics
from tests.train.conftest import train_here

# The libraries deprecate things among themselves; what they warn about is not ours to fix here.
pytestmark = [
    pytest.mark.filterwarnings("ignore::FutureWarning", "ignore::UserWarning"),
    pytest.mark.usefixtures("restored_signals"),
]


Make = Callable[..., TrainJob]


def losses(directory: Path) -> list[float]:
    return [row["loss"] for row in read_metrics(directory / "metrics.jsonl") if "loss" in row]


def mean(values: list[float]) -> float:
    return sum(values) / len(values)


def test_an_evaluation_in_the_middle_does_not_stop_qlora_on_a_cpu(make_job: Make, tmp_path: Path) -> None:
    pytest.importorskip("bitsandbytes", reason="bitsandbytes is not installed")
    job = make_job(adapter="qlora", epochs=4, eval_steps=4, save_steps=100, scheduler="constant", threads=1)
    result = train_here(job, tmp_path / "run")
    evaluations = [row["eval_loss"] for row in read_metrics(tmp_path / "run" / "metrics.jsonl") if "eval_loss" in row]
    assert len(evaluations) >= 3
    assert evaluations[-1] < evaluations[1] < evaluations[0]
    assert mean(losses(tmp_path / "run")[-4:]) < mean(losses(tmp_path / "run")[:4]) - 0.1
    assert result.engine == "generic"
