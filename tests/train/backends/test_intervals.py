"""`trainer.eval_steps=0` and `trainer.save_steps=0` mean the same for every backend: only at the end."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml

from secft.files import read_json
from secft.train import TrainJob, backend_named
from secft.train.arguments import ONLY_AT_THE_END, training_arguments
from secft.train.backends.axolotl.ppo import PpoBackend
from secft.train.backends.nanogpt.job import PretrainJob
from secft.train.backends.nanogpt.recipe import job_settings
from secft.train.metrics import read_metrics
from tests.train.conftest import TECHNIQUES, question, train_here, write_rows

pytestmark = pytest.mark.filterwarnings("ignore::FutureWarning", "ignore::UserWarning")
Make = Callable[..., TrainJob]
AT_THE_END = {"eval_strategy": "no", "save_strategy": "steps", "save_steps": ONLY_AT_THE_END}


@pytest.mark.parametrize("name", ["axolotl", "llama_factory", "unsloth"])
def test_nothing_is_evaluated_or_saved_before_the_end(make_job: Make, tmp_path: Path, name: str) -> None:
    backend_named(name).render(make_job(eval_steps=0, save_steps=0), tmp_path)
    config = yaml.safe_load((tmp_path / "config.yml").read_text())
    assert AT_THE_END.items() <= config.items()
    assert "eval_steps" not in config
    runner = read_json(tmp_path / "runner.json")
    assert runner["validates"], "the runner measures what the trainer did not"


@pytest.mark.parametrize("name", ["axolotl", "llama_factory", "unsloth"])
def test_steps_are_steps(make_job: Make, tmp_path: Path, name: str) -> None:
    backend_named(name).render(make_job(eval_steps=3, save_steps=5), tmp_path)
    config = yaml.safe_load((tmp_path / "config.yml").read_text())
    wanted = {"eval_strategy": "steps", "eval_steps": 3, "save_strategy": "steps", "save_steps": 5}
    assert wanted.items() <= config.items()


def test_ppo_saves_at_its_last_step(make_job: Make, tmp_path: Path) -> None:
    rows = write_rows(tmp_path / "questions.jsonl", [question(name) for name in TECHNIQUES])
    shared: dict[str, Any] = {"objective": "ppo", "train_file": str(rows), "validation_file": str(rows)}
    job = make_job(**shared, max_steps=7, gradient_accumulation=2, eval_steps=0, save_steps=0)
    PpoBackend().render(job, tmp_path)
    training = read_json(tmp_path / "settings.json")["training"]
    assert (training["eval_strategy"], training["save_strategy"], training["save_steps"]) == ("no", "steps", 7)


def test_nanogpt_is_given_its_last_step() -> None:
    assert job_settings(PretrainJob("data", max_iters=40, eval_interval=0))["eval_interval"] == 40
    assert job_settings(PretrainJob("data", max_iters=40, eval_interval=15))["eval_interval"] == 15


def test_trl_evaluates_and_saves_once_at_the_end(make_job: Make, tmp_path: Path, restored_signals: None) -> None:
    job = make_job(eval_steps=0, save_steps=0, epochs=3, packing=False)
    assert AT_THE_END.items() <= training_arguments(job, tmp_path, 24, validates=True).items()
    result = train_here(job, tmp_path / "run")
    rows = read_metrics(tmp_path / "run" / "metrics.jsonl")
    assert [row["step"] for row in rows if "eval_loss" in row] == [result.steps]
    assert result.final_validation_loss is not None
    saved = sorted(path.name for path in (tmp_path / "run" / "checkpoints").glob("checkpoint-*"))
    assert saved == [f"checkpoint-{result.steps}"]
    assert json.loads((tmp_path / "run" / "result.json").read_text())["status"] == "completed"
