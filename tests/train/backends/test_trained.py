"""Trainings by Axolotl and LLaMA-Factory on this CPU, where their environments are there."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from secft.base import find_base_model
from secft.config.compose import read_config
from secft.config.schemas.training import LoraConfig
from secft.files import read_json
from secft.models.base_model import BaseModel
from secft.train import TrainJob, TrainResult, backend_named, run_training
from secft.train.methods import methods_of
from secft.train.metrics import read_metrics
from tests.train.backends.rendering import KINDS

Make = Callable[..., TrainJob]


ENVIRONMENTS = Path(__file__).resolve().parents[3] / ".backends"


METHODS = [
    (backend, method)
    for backend in KINDS
    for method in methods_of(backend)
    if method not in ("pretrain", "grpo", "ppo")
]


def real_backend(name: str) -> Any:
    """The backend with its real environment."""
    if not (ENVIRONMENTS / name / "secft.json").is_file():
        pytest.skip(f"no environment {ENVIRONMENTS / name}; python -m secft doctor --fix makes it")
    return backend_named(name, ENVIRONMENTS)


def losses(directory: Path, key: str) -> list[float]:
    return [row[key] for row in read_metrics(directory / "metrics.jsonl") if key in row]


def trained(name: str, job: TrainJob, directory: Path) -> TrainResult:
    """Train for real and check what every run must leave."""
    result = run_training(job, real_backend(name), directory, lambda progress: None)
    assert result.status == "completed"
    assert result.steps == 8
    assert (result.adapter_dir / "adapter_model.safetensors").is_file()
    assert read_json(result.adapter_dir / "adapter_config.json")["base_model_name_or_path"] == "org/base"
    assert not (directory / "engine").exists()
    assert not (directory / "checkpoints").exists()
    assert run_training(job, real_backend(name), directory) == result
    return result


@pytest.mark.slow
@pytest.mark.parametrize("name", KINDS)
def test_trains_with_an_evaluation_in_the_middle_and_loads_here(
    job_of: Make, tiny: BaseModel, tmp_path: Path, name: str
) -> None:
    from secft.models.loading import InferenceHardware, attach, load_model

    job = job_of(base_model_name="org/base", max_steps=8, eval_steps=2, save_steps=4, packing=False)
    result = trained(name, job, tmp_path / "run")
    assert losses(tmp_path / "run", "eval_loss")[-1] < losses(tmp_path / "run", "eval_loss")[0] - 0.05
    assert len(losses(tmp_path / "run", "loss")) == 8
    assert 0 < result.supervised_tokens < result.tokens
    base = load_model(tiny.path, InferenceHardware("cpu", "fp32"))
    assert attach(base, result.adapter_dir).peft_config["default"].r == 4


@pytest.mark.slow
@pytest.mark.parametrize(("name", "method"), [pair for pair in METHODS if pair[1] not in ("lora", "qlora")])
def test_every_method_trains_to_a_lower_loss(job_of: Make, tmp_path: Path, name: str, method: str) -> None:
    adapter = {"full": "none", "dora": "dora"}.get(method, "lora")
    objective = "sft" if method in ("full", "dora") else method
    steps = {"max_steps": 12, "eval_steps": 6, "save_steps": 12, "learning_rate": 2e-3, "packing": False}
    job = job_of(objective, adapter=adapter, micro_batch_size=4, **steps)
    result = run_training(job, real_backend(name), tmp_path / "run", lambda progress: None)
    assert (result.status, result.steps) == ("completed", 12)
    told, held_out = losses(tmp_path / "run", "loss"), losses(tmp_path / "run", "eval_loss")
    assert sum(told[-3:]) < sum(told[:3])
    assert len(held_out) == 2
    weights = "model.safetensors" if adapter == "none" else "adapter_model.safetensors"
    assert (result.adapter_dir / weights).is_file()


@pytest.mark.slow
@pytest.mark.parametrize("name", KINDS)
def test_a_quantised_base_learns_on_a_cpu_with_evaluations_in_between(job_of: Make, tmp_path: Path, name: str) -> None:
    backend = real_backend(name)
    base = find_base_model(read_config([]).model)
    values = {"model_dir": str(base.path), "adapter": "qlora", "lora": LoraConfig(r=8, alpha=16)}
    steps = {"max_steps": 20, "eval_steps": 5, "save_steps": 20, "learning_rate": 1e-3, "packing": False}
    result = run_training(job_of(**values, **steps), backend, tmp_path / "run", lambda progress: None)
    told = losses(tmp_path / "run", "eval_loss")
    assert result.status == "completed"
    assert len(told) == 4
    assert told[-1] < told[0] < losses(tmp_path / "run", "loss")[0]
    # An evaluation that stops the adapters leaves the loss where it was.
    assert sum(losses(tmp_path / "run", "loss")[-3:]) / 3 < losses(tmp_path / "run", "loss")[0] - 1
