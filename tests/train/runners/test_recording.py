"""What a training in the environment of a backend records, here with this environment's transformers."""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path

import pytest

from secft.train import checkpoints
from secft.train.metrics import read_metrics
from tests.train.runners.trainers import module, trainer_in

pytestmark = pytest.mark.filterwarnings("ignore::FutureWarning", "ignore::UserWarning")


COLUMNS = {
    "step", "epoch", "loss", "learning_rate", "grad_norm", "tokens_per_second", "supervised_tokens_per_second", "mfu",
    "memory_gib", "seconds",
}  # fmt: skip


def test_records_rows_checkpoints_and_result_as_trl_does(tmp_path: Path) -> None:
    recording = module("recording")
    metrics = recording.MetricsCallback(tmp_path, engine="here", job_digest="abc")
    trainer_in(tmp_path, [metrics]).train()
    recorded = read_metrics(tmp_path / "metrics.jsonl")
    steps = [row for row in recorded if "loss" in row]
    assert set(steps[0]) == COLUMNS
    assert [row["step"] for row in steps] == [1, 2, 3, 4, 5, 6]
    assert [row["step"] for row in recorded if "eval_loss" in row] == [2, 4, 6]
    assert steps[-1]["loss"] < steps[0]["loss"]
    assert json.loads((tmp_path / "started.json").read_text()) == {
        "engine": "here",
        "resumed_step": 0,
        "total_steps": 6,
    }
    # 6 steps of 2 rows; padding is no token of the text, and evaluation is not training.
    assert (metrics.progress.tokens, metrics.progress.supervised_tokens) == (6 * 2 * 10, 6 * 2 * 6)
    found = checkpoints.last_complete(tmp_path / "checkpoints", "abc")
    assert found is not None
    assert asdict(found[1]) == {**asdict(metrics.progress), "seconds": found[1].seconds}
    (tmp_path / "adapter").mkdir()
    recording.write_result(tmp_path, metrics, total_steps=6, examples=8)
    result = json.loads((tmp_path / "result.json").read_text())
    assert (result["status"], result["steps"], result["examples"]) == ("completed", 6, 8)
    assert result["final_validation_loss"] == recorded[-1]["eval_loss"]


def test_evaluations_of_sampled_answers_are_compared_by_their_reward(tmp_path: Path) -> None:
    recording = module("recording")
    trainer = trainer_in(tmp_path, [recording.MetricsCallback(tmp_path, engine="here", job_digest="abc")])
    trainer.compute_metrics = lambda _: {"reward": 0.25}
    trainer.train()
    told = [row for row in read_metrics(tmp_path / "metrics.jsonl") if "eval_loss" in row]
    assert [(row["eval_loss"], row["eval_reward"]) for row in told] == [(-0.25, 0.25)] * 3


def test_goes_on_with_the_counts_of_earlier_attempts(tmp_path: Path) -> None:
    recording = module("recording")
    first = recording.MetricsCallback(tmp_path, engine="here", job_digest="abc")
    trainer_in(tmp_path, [first], save_total_limit=3).train()
    whole = [row["loss"] for row in read_metrics(tmp_path / "metrics.jsonl") if "loss" in row]
    saved = tmp_path / "checkpoints/checkpoint-4"
    progress = checkpoints.read_marker(saved)
    checkpoints.keep_rows_until(tmp_path / "metrics.jsonl", 4)
    again = recording.MetricsCallback(tmp_path, engine="here", progress=progress)
    trainer_in(tmp_path, [again]).train(resume_from_checkpoint=str(saved))
    assert json.loads((tmp_path / "started.json").read_text())["resumed_step"] == 4
    assert again.progress.tokens == first.progress.tokens
    resumed = [row["loss"] for row in read_metrics(tmp_path / "metrics.jsonl") if "loss" in row]
    assert resumed == pytest.approx(whole, abs=1e-4)


def test_counts_where_the_model_is_given_no_labels(tmp_path: Path) -> None:
    metrics = module("recording").MetricsCallback(tmp_path, engine="here")
    trainer = trainer_in(tmp_path, [metrics])
    metrics.watch(trainer)
    trainer.train()
    assert (metrics.progress.tokens, metrics.progress.supervised_tokens) == (120, 72)


def test_counts_tokens_of_packed_rows_by_the_diagonal_of_their_mask() -> None:
    import torch

    count = module("recording").count_tokens
    ids = torch.ones(1, 4, dtype=torch.long)
    sees = torch.zeros(1, 1, 4, 4)
    sees[:, :, 3, 3] = -1e9
    assert count({"input_ids": ids, "attention_mask": sees}) == (3, 0)
    assert count({"input_ids": ids, "completion_mask": torch.tensor([[0, 1, 1, 0]])}) == (4, 2)
    assert count({}) == (0, 0)


def test_stops_early_and_keeps_the_best_weights(tmp_path: Path) -> None:
    metrics = module("recording").MetricsCallback(tmp_path, engine="here", patience=2, threshold=50.0, keep_best=True)
    trainer = trainer_in(tmp_path, [metrics], max_steps=40)
    trainer.train()
    assert metrics.stopped_early
    assert metrics.final_step == 6
    assert (tmp_path / "best/adapter_model.safetensors").is_file()
