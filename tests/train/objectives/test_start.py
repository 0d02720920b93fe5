"""Trainings that go on with an adapter: where they begin, and what they are compared with."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from secft.config.schemas.training import LoraConfig, SamplingConfig
from secft.models.base_model import BaseModel
from secft.train import TrainJob
from secft.train.metrics import read_metrics
from tests.train.conftest import conversation, rows_of, train_here, write_rows

pytestmark = [
    pytest.mark.slow,
    pytest.mark.filterwarnings("ignore::FutureWarning", "ignore::UserWarning"),
    pytest.mark.usefixtures("restored_signals"),
]
Make = Callable[..., TrainJob]
LORA = LoraConfig(r=4, alpha=8)


@pytest.fixture
def started(make_job: Make, tmp_path: Path) -> TrainJob:
    """A finished training by imitation, and the job that goes on with its adapter on the same rows."""
    rows = write_rows(tmp_path / "rows.jsonl", [conversation(n) for n in range(24)])
    job = make_job(train_file=str(rows), validation_file=str(rows), epochs=6, learning_rate=1e-2, lora=LORA, threads=1)
    result = train_here(job, tmp_path / "first")
    return replace(job, start_adapter=str(result.adapter_dir))


def first_loss(directory: Path) -> float:
    return float(next(row["loss"] for row in read_metrics(directory / "metrics.jsonl") if "loss" in row))


@pytest.mark.parametrize("fast", [True, False])
def test_imitation_goes_on_where_it_ended(started: TrainJob, tmp_path: Path, fast: bool) -> None:
    before = [row["eval_loss"] for row in read_metrics(tmp_path / "first" / "metrics.jsonl") if "eval_loss" in row][-1]
    job = replace(started, fast_path=fast, trainer=replace(started.trainer, learning_rate=1e-9, epochs=1.0))
    again = train_here(job, tmp_path / "second")
    assert again.final_validation_loss == pytest.approx(before, rel=2e-3)
    assert again.trainable_parameters > 0
    anew = train_here(replace(job, start_adapter=""), tmp_path / "anew")
    assert anew.final_validation_loss is not None
    assert anew.final_validation_loss > before + 0.5
    assert job.fingerprint() != replace(job, start_adapter="").fingerprint()


@pytest.mark.parametrize("objective", ["dpo", "kto", "grpo", "simpo"])
def test_the_reference_is_the_adapter_of_the_beginning(
    started: TrainJob, make_job: Make, tmp_path: Path, objective: str
) -> None:
    rows = write_rows(tmp_path / f"{objective}.jsonl", rows_of(objective, range(8)))
    more: dict[str, Any] = {"sampling": SamplingConfig(generations=2, max_new_tokens=8)} if objective == "grpo" else {}
    job = make_job(
        objective=objective, train_file=str(rows), validation_file=str(rows), packing=False, lora=LORA, threads=1,
        epochs=2, save_steps=2,
        start_adapter=started.start_adapter, learning_rate=5e-3, **more,
    )  # fmt: skip
    result = train_here(job, tmp_path / objective)
    if objective == "dpo":
        # Policy and reference are equal at the first step, whatever was learned before: -log sigmoid(0).
        assert first_loss(tmp_path / objective) == pytest.approx(math.log(2), abs=1e-3)
    if objective == "kto":
        assert first_loss(tmp_path / objective) == pytest.approx(0.5, abs=1e-3)
    assert sorted(path.name for path in result.adapter_dir.iterdir() if path.is_dir()) == []
    assert not list((tmp_path / objective / "checkpoints").glob("*/ref"))
    moved = distance(result.adapter_dir, Path(started.start_adapter))
    assert moved < distance(result.adapter_dir, None)
    assert moved > 0 or objective == "grpo"  # no answer of a random model earns a reward


def distance(adapter: Path, other: Path | None) -> float:
    """Return the norm of the difference of two adapters' weights, or of one."""
    from safetensors.torch import load_file

    ours = load_file(str(adapter / "adapter_model.safetensors"))
    theirs = load_file(str(other / "adapter_model.safetensors")) if other else {}
    assert not theirs or theirs.keys() == ours.keys()
    parts = (value - theirs[name] if theirs else value for name, value in ours.items())
    return math.sqrt(sum(float((part.float() ** 2).sum()) for part in parts))


def test_a_stopped_training_goes_on_with_the_same_reference(
    started: TrainJob, make_job: Make, tiny: BaseModel, tmp_path: Path
) -> None:
    rows = write_rows(tmp_path / "pairs.jsonl", rows_of("dpo", range(8)))
    job = make_job(
        objective="dpo", train_file=str(rows), validation_file=str(rows), packing=False, lora=LORA, threads=1,
        epochs=2, save_steps=2,
        start_adapter=started.start_adapter, learning_rate=5e-3, scheduler="constant", warmup_ratio=0.0,
    )  # fmt: skip
    whole = train_here(job, tmp_path / "whole")
    checkpoints = sorted((tmp_path / "whole" / "checkpoints").glob("checkpoint-*"))
    (tmp_path / "part" / "checkpoints").mkdir(parents=True)
    checkpoints[0].rename(tmp_path / "part" / "checkpoints" / checkpoints[0].name)
    resumed = train_here(job, tmp_path / "part")
    assert resumed.steps == whole.steps
    assert distance(resumed.adapter_dir, whole.adapter_dir) < 1e-4
