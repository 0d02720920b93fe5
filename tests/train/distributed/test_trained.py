"""Trainings of two processes on this CPU."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from secft.config.schemas.training import SamplingConfig
from secft.errors import Interrupted, TrainingError
from secft.files import read_json
from secft.models.base_model import BaseModel
from secft.train import TrainJob
from secft.train.backends.backend import backend_named
from secft.train.distributed.settings import DistributedSettings
from secft.train.launch import run_training
from secft.train.metrics import read_metrics
from secft.train.progress import StepProgress
from tests.train.conftest import TECHNIQUES, changed, question, rows_of, small_job, train_here, write_rows

# The libraries deprecate things among themselves; what they warn about is not ours to fix here.
pytestmark = [
    pytest.mark.filterwarnings("ignore::FutureWarning", "ignore::UserWarning"),
    pytest.mark.usefixtures("restored_signals"),
]
NIGHTLY = pytest.mark.nightly
PAIR = DistributedSettings("ddp", processes=2, timeout=120)
LAST_BATCH_SHORT = {"micro_batch_size": 5, "epochs": 2.0, "packing": False, "precision": "fp32", "threads": 1}
"""Settings of a job over 24 rows whose last global batch is not full, in fp32, on one thread."""


def wait_for(condition: Callable[[], bool], seconds: float = 90) -> None:
    until = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < until, "waited too long"
        time.sleep(0.02)


def train(job: TrainJob, directory: Path, on_progress: Callable[[StepProgress], None] = lambda row: None) -> Path:
    run_training(job, backend_named("trl"), directory, on_progress)
    return directory


def alone(job: TrainJob, directory: Path) -> Path:
    """Train in one process, which is this one."""
    train_here(job, directory)
    return directory


def weights(directory: Path) -> dict[str, Any]:
    from safetensors.torch import load_file

    return load_file(str(directory / "adapter" / "adapter_model.safetensors"))


def assert_same(left: Path, right: Path, tolerance: float, of_weights: float | None = None) -> None:
    """Rows of metrics.jsonl agree in step, loss and gradient; adapters agree."""
    rows, others = (read_metrics(directory / "metrics.jsonl") for directory in (left, right))
    assert [row["step"] for row in rows] == [row["step"] for row in others]
    for row, other in zip(rows, others, strict=True):
        for key in {"loss", "eval_loss", "grad_norm"} & row.keys():
            assert row[key] == pytest.approx(other[key], abs=tolerance)
    made = weights(right)
    for name, tensor in weights(left).items():
        assert float((tensor - made[name]).abs().max()) <= (of_weights or tolerance), name
    one, two = read_json(left / "result.json"), read_json(right / "result.json")
    for key in ("steps", "tokens", "supervised_tokens", "examples", "epochs"):
        assert one[key] == two[key], key


@pytest.fixture
def spread_job(make_job: Callable[..., TrainJob]) -> Callable[..., TrainJob]:
    """A job over 24 rows whose last global batch is not full."""
    return lambda **changes: make_job(**{**LAST_BATCH_SHORT, **changes})


@pytest.fixture(scope="module")
def pair_job(tiny: BaseModel, tmp_path_factory: pytest.TempPathFactory) -> TrainJob:
    """The job of two processes, started by torchrun, that other ways to start it are compared with."""
    return small_job(tiny, tmp_path_factory.mktemp("rows"), **LAST_BATCH_SHORT, distributed=PAIR)


@pytest.fixture(scope="module")
def of_a_pair(pair_job: TrainJob, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return train(pair_job, tmp_path_factory.mktemp("pair") / "two")


@pytest.mark.slow
def test_two_processes_train_what_one_does(pair_job: TrainJob, of_a_pair: Path, tmp_path: Path) -> None:
    """One global batch: 5 rows on each of 2 processes, or 5 rows twice in one."""
    one = alone(changed(pair_job, distributed=DistributedSettings(), gradient_accumulation=2), tmp_path / "one")
    assert_same(one, of_a_pair, 1e-4)
    assert read_json(of_a_pair / "result.json")["engine"].startswith("fast")
    assert not (of_a_pair / "adapter.tmp").exists()
    assert len(list((of_a_pair / "ranks").glob("*.json"))) == 2


@pytest.mark.slow
@NIGHTLY
def test_two_processes_train_what_one_does_by_the_models_own_forward(
    spread_job: Callable[..., TrainJob], tmp_path: Path
) -> None:
    one = alone(spread_job(gradient_accumulation=2, fast_path=False), tmp_path / "one")
    two = train(spread_job(distributed=PAIR, fast_path=False), tmp_path / "two")
    assert_same(one, two, 1e-4)
    assert read_json(two / "result.json")["engine"].startswith("generic")


@pytest.mark.slow
@pytest.mark.parametrize(
    "objective",
    ["dpo", "kto", "continue", *(pytest.param(name, marks=NIGHTLY) for name in ("orpo", "simpo", "reward"))],
)
def test_two_processes_learn_other_objectives_as_one_does(
    objective: str, spread_job: Callable[..., TrainJob], tmp_path: Path
) -> None:
    settings = {
        "objective": objective,
        "train_file": str(write_rows(tmp_path / "rows.jsonl", rows_of(objective, range(16)))),
        "validation_file": str(write_rows(tmp_path / "others.jsonl", rows_of(objective, range(100, 108)))),
        "micro_batch_size": 4,
        "max_steps": 4,
    }
    one = alone(spread_job(gradient_accumulation=2, **settings), tmp_path / "one")
    two = train(spread_job(distributed=PAIR, **settings), tmp_path / "two")
    # kto estimates the divergence over what all processes hold at the time: twice as many rows as one process.
    if objective == "kto":
        assert_same(one, two, 0.03, of_weights=5e-3)
    else:
        assert_same(one, two, 1e-3)


@pytest.mark.slow
@NIGHTLY
def test_two_processes_reward_each_their_own_answers(
    spread_job: Callable[..., TrainJob], guessing: Path, tmp_path: Path
) -> None:
    """What is sampled depends on the process, so that rewards rise as in one process, but are not the same."""
    job = spread_job(
        objective="grpo",
        model_dir=str(guessing),
        train_file=str(write_rows(tmp_path / "questions.jsonl", [question(name) for name in TECHNIQUES])),
        validation_file=str(write_rows(tmp_path / "others.jsonl", [question(name) for name in ("T1499", "T1529")])),
        sampling=SamplingConfig(generations=4, max_new_tokens=4, temperature=1.0),
        kl=0.02,
        distributed=PAIR,
        micro_batch_size=2,
        learning_rate=2e-3,
        epochs=12.0,
        max_steps=24,
        eval_steps=24,
        scheduler="constant",
        warmup_ratio=0.0,
    )
    rows = read_metrics(train(job, tmp_path / "run") / "metrics.jsonl")
    rewards = [row["reward"] for row in rows if "loss" in row]
    assert len(rewards) == 24
    assert sum(rewards[-6:]) > sum(rewards[:6]) + 1.2
    assert [row["eval_loss"] for row in rows if "eval_loss" in row][-1] < -0.5


@pytest.mark.slow
def test_weights_divided_by_fsdp2_train_the_same(spread_job: Callable[..., TrainJob], tmp_path: Path) -> None:
    settings = {"load_best": True, "early_stopping_patience": 9}
    one = alone(spread_job(gradient_accumulation=2, **settings), tmp_path / "one")
    two = train(spread_job(distributed=replace(PAIR, strategy="fsdp2"), **settings), tmp_path / "two")
    assert_same(one, two, 1e-3)
    assert (two / "adapter" / "adapter_config.json").is_file()
    assert not list((two / "adapter").glob("optimizer*"))


@pytest.mark.slow
@pytest.mark.parametrize("strategy", ["ddp", pytest.param("fsdp2", marks=NIGHTLY)])
def test_a_stopped_training_of_two_processes_goes_on(
    strategy: Any, spread_job: Callable[..., TrainJob], tmp_path: Path
) -> None:
    """SIGTERM to secft: one checkpoint, all processes leave, and the rest of the run is what it would have been."""
    settings = {"epochs": 4.0, "save_steps": 100, "eval_steps": 3}
    job = spread_job(distributed=replace(PAIR, strategy=strategy), **settings)
    whole = alone(spread_job(gradient_accumulation=2, **settings), tmp_path / "whole")

    def stop_in_second_epoch(row: StepProgress) -> None:
        if row.step == 4:
            os.kill(os.getpid(), signal.SIGTERM)

    with pytest.raises(Interrupted):
        train(job, tmp_path / "stopped", stop_in_second_epoch)
    saved = sorted((tmp_path / "stopped" / "checkpoints").glob("checkpoint-*"))
    assert len(saved) == 1
    notes = [read_json(path) for path in (tmp_path / "stopped" / "ranks").glob("*.json")]
    assert [entry["exit_code"] for entry in notes] == [130, 130]
    assert_same(whole, train(job, tmp_path / "stopped"), 1e-4)


@pytest.mark.slow
def test_a_killed_process_ends_the_training_with_a_clear_error(
    spread_job: Callable[..., TrainJob], tmp_path: Path
) -> None:
    run = tmp_path / "run"
    job = spread_job(distributed=PAIR, max_steps=400, save_steps=5, eval_steps=0, validation_file=None)

    def kill() -> None:
        wait_for(lambda: any((run / "checkpoints").glob("*/complete.json")))
        os.kill(read_json(run / "ranks" / "rank-1.json")["pid"], signal.SIGKILL)

    killer = threading.Thread(target=kill)
    killer.start()
    with pytest.raises(TrainingError, match=r"process 1 of 2 \(pid \d+ on .*\) was killed"):
        train(job, run)
    killer.join()
    pids = [read_json(path)["pid"] for path in (run / "ranks").glob("*.json")]
    wait_for(lambda: not any(Path(f"/proc/{pid}").exists() for pid in pids), 20)


@pytest.mark.slow
def test_nothing_is_left_of_a_training_whose_starter_is_killed(
    spread_job: Callable[..., TrainJob], tmp_path: Path
) -> None:
    run = tmp_path / "run"
    spread_job(distributed=PAIR, max_steps=4000, eval_steps=0, validation_file=None).write(tmp_path / "wanted.json")
    code = (
        "import sys; from pathlib import Path; from secft.train import TrainJob; from secft.train.launch import "
        "run_training; from secft.train import backend_named; "
        "run_training(TrainJob.read(Path(sys.argv[1])), backend_named('trl'), Path(sys.argv[2]))"
    )
    starter = subprocess.Popen([sys.executable, "-c", code, str(tmp_path / "wanted.json"), str(run)])
    wait_for(lambda: len(read_metrics(run / "metrics.jsonl")) > 2)
    pids = [read_json(path)["pid"] for path in (run / "ranks").glob("*.json")]
    assert len(pids) == 2
    starter.kill()
    starter.wait()
    wait_for(lambda: not any(Path(f"/proc/{pid}").exists() for pid in pids), 20)


@pytest.mark.slow
@pytest.mark.parametrize("strategy", [pytest.param("ddp", marks=NIGHTLY), "fsdp2"])
def test_whole_models_are_trained_and_saved_whole(
    strategy: Any, spread_job: Callable[..., TrainJob], tmp_path: Path
) -> None:
    one = alone(spread_job(gradient_accumulation=2, adapter="none"), tmp_path / "one")
    two = train(spread_job(distributed=replace(PAIR, strategy=strategy), adapter="none"), tmp_path / "two")
    from safetensors.torch import load_file

    made = load_file(str(two / "adapter" / "model.safetensors"))
    for name, tensor in load_file(str(one / "adapter" / "model.safetensors")).items():
        assert tensor.dtype == made[name].dtype
        # Both are rounded to the bf16 of the base: a last digit may differ.
        assert float(((tensor - made[name]).abs() / (tensor.abs() + 0.1)).max()) < 1e-2, name


@pytest.mark.slow
def test_accelerate_starts_the_same_training(pair_job: TrainJob, of_a_pair: Path, tmp_path: Path) -> None:
    job = changed(pair_job, distributed=replace(PAIR, launcher="accelerate"))
    assert_same(of_a_pair, train(job, tmp_path / "accelerate"), 0.0)


@pytest.mark.slow
@NIGHTLY
def test_ray_starts_the_same_training(pair_job: TrainJob, of_a_pair: Path, tmp_path: Path) -> None:
    pytest.importorskip("ray", reason="ray is not installed")
    other = train(changed(pair_job, distributed=replace(PAIR, launcher="ray", timeout=300)), tmp_path / "ray")
    assert_same(of_a_pair, other, 0.0)
    assert not (other / "ray").exists()


@pytest.mark.slow
def test_data_that_cannot_be_trained_is_told_as_such(spread_job: Callable[..., TrainJob], tmp_path: Path) -> None:
    from secft.errors import InputError

    broken = tmp_path / "broken.jsonl"
    broken.write_text('{"id": "x"}\n')
    with pytest.raises(InputError, match="no messages"):
        train(spread_job(distributed=PAIR, train_file=str(broken)), tmp_path / "run")
    shutil.rmtree(tmp_path / "run")
