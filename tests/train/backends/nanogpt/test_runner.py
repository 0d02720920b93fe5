"""Training in a process of its own: it learns, goes on exactly where it stopped, and says what it did."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file

from secft.errors import InputError
from secft.train.backends.nanogpt.backend import NanoGptBackend
from secft.train.backends.nanogpt.job import PretrainJob
from secft.train.backends.nanogpt.runner import train
from secft.train.backends.nanogpt.schedule import learning_rate
from secft.train.metrics import read_metrics

ROOT = Path(__file__).resolve().parents[4]
Make = Callable[..., PretrainJob]


def steps(directory: Path) -> list[tuple[int, Any]]:
    """Losses by step, of both kinds, without times."""
    return [
        (row["step"], row.get("loss"), row.get("eval_loss"), row.get("grad_norm"))
        for row in read_metrics(directory / "metrics.jsonl")
    ]


def weights(directory: Path) -> dict[str, torch.Tensor]:
    return load_file(directory / "weights" / "model.safetensors")


def same(one: dict[str, torch.Tensor], other: dict[str, torch.Tensor]) -> bool:
    return all(torch.equal(one[name], other[name]) for name in one) and set(one) == set(other)


def test_it_learns_and_leaves_a_model_that_transformers_loads(make_job: Make, tmp_path: Path, data: Path) -> None:
    from transformers import AutoModelForCausalLM, AutoTokenizer

    directory = tmp_path / "run"
    job = make_job(max_iters=60, learning_rate=1e-2, min_lr=1e-3, eval_interval=20, eval_iters=4)
    assert train(job, directory)
    result = NanoGptBackend().collect(directory)
    rows = read_metrics(directory / "metrics.jsonl")
    losses = [row["eval_loss"] for row in rows if "eval_loss" in row]
    assert len(losses) == 4
    assert losses[-1] < losses[0] - 0.5
    assert result.final_validation_loss == pytest.approx(losses[-1], rel=0.1)
    assert (result.steps, result.tokens, result.status) == (60, 60 * 64, "completed")
    trained = {
        "step",
        "epoch",
        "loss",
        "learning_rate",
        "grad_norm",
        "tokens_per_second",
        "mfu",
        "memory_gib",
        "seconds",
    }
    assert trained <= set(rows[1])
    model = AutoModelForCausalLM.from_pretrained(result.adapter_dir)
    tokenizer = AutoTokenizer.from_pretrained(result.adapter_dir)
    line = "gate sshd[123]: session closed\n  again"
    numbers = tokenizer(line, return_tensors="pt")["input_ids"]
    assert tokenizer.decode(numbers[0]) == line
    assert model(numbers[:, :16]).logits.shape == (1, 16, model.config.vocab_size)


def test_a_stopped_run_goes_on_as_if_it_had_not_stopped(make_job: Make, tmp_path: Path) -> None:
    job = make_job(dropout=0.2, gradient_accumulation_steps=2)
    assert train(job, tmp_path / "whole")
    assert stop_after(job, tmp_path / "parts", 7)
    assert read_metrics(tmp_path / "parts" / "metrics.jsonl")[-1]["step"] == 7
    assert train(job, tmp_path / "parts")
    assert steps(tmp_path / "parts") == steps(tmp_path / "whole")
    assert same(weights(tmp_path / "parts"), weights(tmp_path / "whole"))


def stop_after(job: PretrainJob, directory: Path, step: int) -> bool:
    """Train until a step, then as a signal would have it; True if it left with a checkpoint."""
    from secft.train.backends.nanogpt.trainer import Trainer

    directory.mkdir()
    trainer = Trainer(job, directory, job.fingerprint())
    one_step = trainer._step

    def stepping() -> None:
        one_step()
        trainer.stop_requested = trainer.progress.step >= step

    trainer._step = stepping  # type: ignore[method-assign]
    return not trainer.run()


def test_equal_jobs_give_equal_weights_and_a_flag_others(make_job: Make, tmp_path: Path) -> None:
    train(make_job(), tmp_path / "one")
    train(make_job(), tmp_path / "two")
    train(make_job(seed=2), tmp_path / "other")
    train(make_job(experiments=("gated_attention",)), tmp_path / "gated")
    assert same(weights(tmp_path / "one"), weights(tmp_path / "two"))
    assert not same(weights(tmp_path / "one"), weights(tmp_path / "other"))
    assert steps(tmp_path / "gated") != steps(tmp_path / "one")
    assert not (tmp_path / "gated" / "model").exists()
    assert json.loads((tmp_path / "gated" / "result.json").read_text())["engine"].endswith("gated_attention")


def test_a_signal_saves_and_leaves(make_job: Make, tmp_path: Path) -> None:
    job, directory = make_job(max_iters=100_000, lr_decay_iters=100_000, eval_interval=50_000), tmp_path / "run"
    backend = NanoGptBackend()
    backend.render(job, directory)
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    process = subprocess.Popen(backend.command(directory), env=environment)
    until(lambda: len(read_metrics(directory / "metrics.jsonl")) > 5, process)
    process.send_signal(signal.SIGTERM)
    assert process.wait(timeout=60) == 130
    last = read_metrics(directory / "metrics.jsonl")[-1]["step"]
    assert (directory / "checkpoints" / f"checkpoint-{last}" / "complete.json").is_file()
    assert not (directory / "result.json").exists()


def until(ready: Callable[[], bool], process: subprocess.Popen[bytes]) -> None:
    end = time.monotonic() + 90
    while not ready():
        assert process.poll() is None
        assert time.monotonic() < end
        time.sleep(0.1)


def test_a_run_that_diverges_keeps_finite_weights(make_job: Make, tmp_path: Path) -> None:
    train(make_job(learning_rate=1e38, min_lr=1e37, warmup_iters=0, grad_clip=0.0), tmp_path)
    result = json.loads((tmp_path / "result.json").read_text())
    assert result["status"] == "diverged"
    assert result["steps"] < 12


def test_the_learning_rate_warms_up_and_decays(make_job: Make) -> None:
    job = make_job(max_iters=100, warmup_iters=9, learning_rate=1.0, min_lr=0.1)
    assert [learning_rate(job, step) for step in (0, 4, 9, 100, 500)] == pytest.approx([0.1, 0.5, 1.0, 0.1, 0.1])
    assert learning_rate(job, 9 + 91 // 2) == pytest.approx(0.55, abs=0.01)
    assert learning_rate(make_job(decay_lr=False), 11) == 1e-3


def test_a_job_says_all_that_is_wrong_with_it(make_job: Make) -> None:
    bad = make_job(n_head=3, max_iters=0, experiments=("gatd",), device="tpu", block_size=10**6)
    with pytest.raises(InputError) as caught:
        bad.check()
    assert all(word in str(caught.value) for word in ("n_embd", "max_iters", "gatd", "tpu", "val.bin"))


def test_tokens_outside_the_vocabulary_are_refused(make_job: Make, tmp_path: Path) -> None:
    with pytest.raises(InputError, match="outside the vocabulary of 3"):
        train(make_job(vocab_size=3), tmp_path)


def test_the_job_survives_its_file(make_job: Make, tmp_path: Path) -> None:
    job = make_job(experiments=("gated_attention",))
    job.write(tmp_path / "job.json")
    assert PretrainJob.read(tmp_path / "job.json") == job
    assert job.fingerprint() == make_job(experiments=("gated_attention",), threads=7).fingerprint()
    assert job.fingerprint() != make_job().fingerprint()


def test_importing_the_package_does_not_import_torch() -> None:
    modules = ", ".join(f"secft.train.backends.nanogpt.{name}" for name in ("job", "corpus.data", "backend"))
    code = f"import sys, {modules}; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], cwd=ROOT, check=False).returncode == 0


def test_without_an_interval_losses_are_estimated_at_the_end_only(make_job: Make, tmp_path: Path) -> None:
    assert train(make_job(max_iters=5, eval_interval=0), tmp_path / "run")
    rows = read_metrics(tmp_path / "run" / "metrics.jsonl")
    assert [row["step"] for row in rows if "eval_loss" in row] == [5]
