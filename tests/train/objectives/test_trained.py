"""Every objective, trained by trl on this CPU."""

from __future__ import annotations

import json
import os
import signal
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from secft.config.schemas.training import LoraConfig, SamplingConfig
from secft.errors import Interrupted
from secft.files import sha256_file
from secft.models.base_model import BaseModel
from secft.train import TrainJob, backend_named, run_training
from secft.train.checkpoints import MARKER
from secft.train.metrics import read_metrics
from secft.train.progress import StepProgress
from tests.train.conftest import PAIRED, TECHNIQUES, new_job, question, rows_of, train_here, write_rows

# The libraries deprecate things among themselves; what they warn about is not ours to fix here.
pytestmark = [
    pytest.mark.filterwarnings("ignore::FutureWarning", "ignore::UserWarning"),
    pytest.mark.usefixtures("restored_signals"),
]


Make = Callable[..., TrainJob]


@pytest.fixture
def make(make_job: Make, tmp_path: Path) -> Make:
    """A job of an objective over 10 training and 4 validation rows."""

    def build(objective: str, **changes: Any) -> TrainJob:
        train = write_rows(
            tmp_path / f"{objective}-train.jsonl", rows_of(objective, range(16 if objective == "continue" else 10))
        )
        validation = write_rows(tmp_path / f"{objective}-validation.jsonl", rows_of(objective, range(100, 104)))
        values: dict[str, Any] = {
            "objective": objective,
            "train_file": str(train),
            "validation_file": str(validation),
            "packing": objective == "continue",
            **({"sampling": SamplingConfig(generations=2, max_new_tokens=8)} if objective == "grpo" else {}),
            "scheduler": "constant",
            "warmup_ratio": 0.0,
            "threads": 1,
            **changes,
        }
        return make_job(**values)

    return build


def losses(directory: Path) -> list[float]:
    return [row["loss"] for row in read_metrics(directory / "metrics.jsonl") if "loss" in row]


def mean(values: list[float]) -> float:
    return sum(values) / len(values)


@pytest.mark.parametrize("objective", [*PAIRED, "kto", "continue"])
def test_the_loss_falls_and_the_adapter_loads(make: Make, tiny: BaseModel, tmp_path: Path, objective: str) -> None:
    from secft.models.loading import is_adapter

    job = make(objective, epochs=4, eval_steps=8, save_steps=8, base_model_name="org/base")
    result = train_here(job, tmp_path / "run")
    seen = losses(tmp_path / "run")
    rows = read_metrics(tmp_path / "run" / "metrics.jsonl")
    assert mean(seen[-4:]) < mean(seen[:4])
    assert result.status == "completed"
    assert result.tokens > result.supervised_tokens > 0
    assert {"step", "epoch", "loss", "learning_rate", "grad_norm", "tokens_per_second", "memory_gib"} <= rows[0].keys()
    evaluations = [row["eval_loss"] for row in rows if "eval_loss" in row]
    assert result.final_validation_loss == evaluations[-1]
    assert min(evaluations) < evaluations[0] + 1e-9
    assert is_adapter(result.adapter_dir)


def test_rewards_of_sampled_answers_rise(make: Make, guessing: Path, tmp_path: Path) -> None:
    job = make(
        "grpo",
        model_dir=str(guessing),
        train_file=str(write_rows(tmp_path / "questions.jsonl", [question(name) for name in TECHNIQUES])),
        validation_file=str(write_rows(tmp_path / "others.jsonl", [question(name) for name in ("T1499", "T1529")])),
        sampling=SamplingConfig(generations=4, max_new_tokens=4, temperature=1.0),
        kl=0.02,
        micro_batch_size=4,
        learning_rate=2e-3,
        max_steps=24,
        eval_steps=24,
        save_steps=100,
    )
    train_here(job, tmp_path / "run")
    rows = read_metrics(tmp_path / "run" / "metrics.jsonl")
    rewards = [row["reward"] for row in rows if "loss" in row]
    assert mean(rewards[-6:]) > mean(rewards[:6]) + 0.2
    assert [row["eval_loss"] for row in rows if "eval_loss" in row][-1] < -0.5


@pytest.mark.parametrize(
    "objective",
    ["dpo", "reward", "kto", "grpo", *(pytest.param(n, marks=pytest.mark.nightly) for n in ("orpo", "simpo"))],
)
def test_stopped_run_goes_on_to_the_same_weights(make: Make, tmp_path: Path, objective: str) -> None:
    from secft.train.backends.trl.observed import ObservedTrainer

    job = make(objective, max_steps=6, eval_steps=4, save_steps=2, micro_batch_size=2)
    whole = train_here(job, tmp_path / "whole")
    original = ObservedTrainer.begin_step

    class Killed(BaseException):
        pass

    def die_at_step_five(trainer: ObservedTrainer) -> None:
        if trainer.state.global_step == 5:
            raise Killed
        original(trainer)

    ObservedTrainer.begin_step = die_at_step_five  # type: ignore[method-assign]
    try:
        with pytest.raises(Killed):
            train_here(job, tmp_path / "parts")
    finally:
        ObservedTrainer.begin_step = original  # type: ignore[method-assign]
    resumed = train_here(job, tmp_path / "parts")
    name = "adapter_model.safetensors"
    assert losses(tmp_path / "parts") == losses(tmp_path / "whole")
    assert sha256_file(resumed.adapter_dir / name) == sha256_file(whole.adapter_dir / name)
    assert (resumed.steps, resumed.tokens) == (whole.steps, whole.tokens)
    if objective == "grpo":
        rows = read_metrics(tmp_path / "parts" / "metrics.jsonl")
        assert all(0 <= row["reward"] <= 1 for row in rows if "loss" in row)
        assert all(0 <= row["eval_reward"] == -row["eval_loss"] <= 1 for row in rows if "eval_loss" in row)
        assert StepProgress.from_row(rows[0], 6, 61).line().startswith(f"step 1/6  reward {rows[0]['reward']:.4f}  ")
        assert StepProgress.from_row(rows[-1], 6, 0).line().startswith("step 6/6  reward of held-out questions ")


@pytest.mark.parametrize(
    ("objective", "adapter"),
    [pytest.param("dpo", "dora", marks=pytest.mark.nightly), ("dpo", "none"), ("dpo", "qlora"), ("reward", "qlora")],
)
def test_other_adapters_and_whole_models_learn_preferences(
    make: Make, tmp_path: Path, objective: str, adapter: str
) -> None:
    if adapter == "qlora":
        pytest.importorskip("bitsandbytes", reason="bitsandbytes is not installed")
    job = make(objective, adapter=adapter, max_steps=12, eval_steps=6, save_steps=100, learning_rate=5e-3)
    result = train_here(job, tmp_path / "run")
    assert mean(losses(tmp_path / "run")[-3:]) < mean(losses(tmp_path / "run")[:3])
    assert (result.adapter_dir / "adapter_config.json").is_file() == (adapter != "none")


@pytest.mark.slow
@pytest.mark.nightly
def test_sigterm_writes_a_checkpoint_and_the_run_goes_on(make: Make, tmp_path: Path) -> None:
    job = make("dpo", max_steps=200, save_steps=1000, eval_steps=1000)

    def stop_at_two(progress: StepProgress) -> None:
        if progress.step == 2:
            os.kill(os.getpid(), signal.SIGTERM)

    with pytest.raises(Interrupted):
        run_training(job, backend_named("trl"), tmp_path / "run", stop_at_two)
    marker = next((tmp_path / "run" / "checkpoints").glob(f"checkpoint-*/{MARKER}"))
    stopped_at = json.loads(marker.read_text())["step"]
    assert 2 <= stopped_at < 200
    started = tmp_path / "run" / "started.json"
    again: list[int] = []

    def stop_later(progress: StepProgress) -> None:
        again.append(progress.step)
        if progress.step == stopped_at + 2:
            os.kill(os.getpid(), signal.SIGTERM)

    with pytest.raises(Interrupted):
        run_training(job, backend_named("trl"), tmp_path / "run", stop_later)
    assert json.loads(started.read_text())["resumed_step"] == stopped_at
    assert again[0] == stopped_at + 1


@pytest.mark.slow
def test_smollm2_learns_to_prefer_and_its_adapter_is_measured(tmp_path: Path) -> None:
    import torch
    from transformers import AutoTokenizer

    from secft.base import find_base_model
    from secft.config.compose import read_config
    from secft.errors import ModelNotFoundError
    from secft.models.loading import attach, find_hardware, load_model
    from secft.train.backends.trl.paired_rows import tokenise_pair

    try:
        base = find_base_model(read_config([]).model)
    except ModelNotFoundError:
        pytest.skip("SmolLM2 is not on this machine")
    rows = rows_of("dpo", range(8))
    job = new_job(
        model_dir=str(base.path),
        train_file=str(write_rows(tmp_path / "pairs.jsonl", rows)),
        objective="dpo",
        lora=LoraConfig(r=8, alpha=16),
        learning_rate=4e-4,
        scheduler="constant",
        warmup_ratio=0.0,
        micro_batch_size=2,
        max_length=128,
        packing=False,
        max_steps=8,
        save_steps=100,
        threads=1,
    )
    result = train_here(job, tmp_path / "run")
    seen = losses(tmp_path / "run")
    # Adapters begin as nothing: the model is its own reference, and the loss is that of a coin.
    assert seen[0] == pytest.approx(0.6931, abs=0.02)
    assert mean(seen[-3:]) < 0.5
    tokenizer = AutoTokenizer.from_pretrained(base.path)
    model = attach(load_model(base.path, find_hardware()), result.adapter_dir)

    def preference(row: dict[str, Any]) -> float:
        ids = tokenise_pair(tokenizer, row)
        sums = []
        for side in ("chosen_ids", "rejected_ids"):
            tokens = torch.tensor([ids["prompt_ids"] + ids[side]])
            with torch.no_grad():
                logits = model(input_ids=tokens).logits.float().log_softmax(-1)[0, :-1]
            picked = logits.gather(1, tokens[0, 1:, None])[len(ids["prompt_ids"]) - 1 :]
            sums.append(float(picked.sum()))
        return sums[0] - sums[1]

    after = [preference(row) for row in rows]
    with model.disable_adapter():
        before = [preference(row) for row in rows]
    assert mean(after) > mean(before) + 1
