"""Training with trl in this process: results, resumption, early stops, bad data."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from secft.config.schemas.training import LoraConfig
from secft.errors import InputError
from secft.files import sha256_file, tree_digests
from secft.models.base_model import BaseModel
from secft.train import TrainJob, backend_named, run_training
from secft.train.checkpoints import CheckpointProgress, last_complete, mark_complete
from secft.train.metrics import read_metrics
from tests.train.conftest import train_here

# The libraries deprecate things among themselves; what they warn about is not ours to fix here.
pytestmark = [
    pytest.mark.filterwarnings("ignore::FutureWarning", "ignore::UserWarning"),
    pytest.mark.usefixtures("restored_signals"),
]


Make = Callable[..., TrainJob]


def test_trains_and_leaves_the_base_alone(make_job: Make, tiny: BaseModel, tmp_path: Path) -> None:
    before = tree_digests(tiny.path)
    result = train_here(make_job(epochs=4, base_model_name="org/base"), tmp_path / "run")
    rows = read_metrics(tmp_path / "run" / "metrics.jsonl")
    losses = [row["loss"] for row in rows if "loss" in row]
    assert tree_digests(tiny.path) == before
    assert losses[-1] < losses[0] - 0.1
    assert [row["step"] for row in rows if "loss" in row] == list(range(1, result.steps + 1))
    assert result.status == "completed"
    assert result.examples == 24
    assert result.supervised_tokens < result.tokens
    assert result.final_validation_loss is not None
    config = json.loads((result.adapter_dir / "adapter_config.json").read_text())
    assert config["base_model_name_or_path"] == "org/base"
    columns = {"step", "epoch", "loss", "learning_rate", "grad_norm", "tokens_per_second", "mfu", "memory_gib"}
    assert columns <= rows[0].keys()
    assert rows[0]["mfu"] is None, "a CPU has no such peak"


def test_equal_trainings_leave_equal_files(make_job: Make, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """peft keeps module names in a set, whose order depends on the process."""
    digests = []
    for number in ("1", "2"):
        monkeypatch.setenv("PYTHONHASHSEED", number)
        job = make_job(max_steps=1, eval_steps=0, save_steps=0, base_model_name="org/base")
        result = run_training(job, backend_named("trl"), tmp_path / number, lambda _: None)
        digests.append(tree_digests(result.adapter_dir))
    assert digests[0] == digests[1]
    assert "adapter_config.json" in digests[0]


def test_adapter_loads_with_peft_and_gives_the_reported_loss(make_job: Make, tiny: BaseModel, tmp_path: Path) -> None:
    import torch
    from peft import PeftModel
    from transformers import AutoModelForCausalLM, AutoTokenizer

    from secft.train.forward.generic import GenericLoss
    from secft.train.rows import build_rows, collate, load_examples

    job = make_job(precision="fp32")
    result = train_here(job, tmp_path / "run")
    # The files of the base hold bf16, in which it would be computed by default.
    base = AutoModelForCausalLM.from_pretrained(tiny.path, dtype=torch.float32)
    model = PeftModel.from_pretrained(base, str(result.adapter_dir))
    examples = load_examples(Path(str(job.validation_file)), AutoTokenizer.from_pretrained(tiny.path), job)
    batch = collate(build_rows(examples.examples, job.trainer.max_length, packing=False, seed=0))
    with torch.no_grad():
        loss = float(GenericLoss(model)(batch)) / int((batch["labels"] != -100).sum())
    assert result.final_validation_loss == pytest.approx(loss, rel=1e-5)


@pytest.mark.parametrize("changes", [{}, {"lora": LoraConfig(r=4, dropout=0.2)}, {"adapter": "none"}])
def test_stopped_run_goes_on_to_the_same_weights(make_job: Make, tmp_path: Path, changes: dict[str, Any]) -> None:
    from secft.train.backends.trl.sft_trainer import FlatBatchTrainer

    job = make_job(**changes)
    whole = train_here(job, tmp_path / "whole")
    original = FlatBatchTrainer.begin_step

    class Killed(BaseException):
        pass

    def die_at_step_four(trainer: FlatBatchTrainer) -> None:
        if trainer.state.global_step == 4:
            raise Killed
        original(trainer)

    FlatBatchTrainer.begin_step = die_at_step_four  # type: ignore[method-assign]
    try:
        with pytest.raises(Killed):
            train_here(job, tmp_path / "parts")
    finally:
        FlatBatchTrainer.begin_step = original  # type: ignore[method-assign]
    resumed = train_here(job, tmp_path / "parts")
    name = "model.safetensors" if job.adapter.whole else "adapter_model.safetensors"
    assert sha256_file(resumed.adapter_dir / name) == sha256_file(whole.adapter_dir / name)
    assert (resumed.steps, resumed.tokens) == (whole.steps, whole.tokens)
    losses = [[row.get("loss", row.get("eval_loss")) for row in read_metrics(tmp_path / run / "metrics.jsonl")]
              for run in ("whole", "parts")]  # fmt: skip
    assert losses[0] == losses[1]


def test_incomplete_and_foreign_checkpoints_are_not_resumed(tmp_path: Path) -> None:
    for step, digest in ((2, "mine"), (4, "other")):
        (tmp_path / f"checkpoint-{step}").mkdir()
        mark_complete(tmp_path / f"checkpoint-{step}", CheckpointProgress(digest, step))
    (tmp_path / "checkpoint-6").mkdir()
    found = last_complete(tmp_path, "mine")
    assert found is not None
    assert found[1].step == 2
    assert [path.name for path in tmp_path.iterdir()] == ["checkpoint-2"]


@pytest.mark.parametrize("rate", [5.0, 1e30])
def test_absurd_learning_rate_still_ends_with_an_adapter(make_job: Make, tmp_path: Path, rate: float) -> None:
    import torch
    from safetensors.torch import load_file

    result = train_here(make_job(learning_rate=rate, max_grad_norm=0.0), tmp_path / "run")
    weights = load_file(result.adapter_dir / "adapter_model.safetensors")
    assert all(torch.isfinite(tensor).all() for tensor in weights.values())
    assert result.status in ("completed", "diverged")
    json.loads((tmp_path / "run" / "result.json").read_text(), parse_constant=pytest.fail)


def test_early_stopping_keeps_the_best_weights(make_job: Make, tmp_path: Path) -> None:
    job = make_job(learning_rate=0.5, epochs=20, early_stopping_patience=2, load_best=True, scheduler="constant")
    result = train_here(job, tmp_path / "run")
    assert result.status in ("early_stopped", "diverged")
    assert result.final_validation_loss == result.best_validation_loss


def test_overlong_examples_are_counted(make_job: Make, tmp_path: Path) -> None:
    dropped = train_here(make_job(max_length=60, max_steps=1), tmp_path / "drop")
    cut = train_here(make_job(max_length=60, max_steps=1, overlong="truncate"), tmp_path / "cut")
    assert dropped.dropped == cut.truncated > 0
    assert dropped.examples + dropped.dropped == cut.examples == 24


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ('{"id": "a"}', "no messages"),
        ("{oops", "not valid JSON"),
        ('{"id": "a", "messages": [{"role": "user", "content": "hi"}]}', "no trained token"),
    ],
)
def test_bad_training_data_is_named(make_job: Make, tmp_path: Path, line: str, message: str) -> None:
    bad = tmp_path / "bad.jsonl"
    bad.write_text(line + "\n")
    with pytest.raises(InputError, match=message):
        train_here(make_job(train_file=str(bad)), tmp_path / "run")
