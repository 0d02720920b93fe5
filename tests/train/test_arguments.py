"""Settings of a job by the names of transformers: the optimizer, and what its moments need."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch

from secft.config.compose import read_config
from secft.config.schemas.training import OPTIMIZERS, LoraConfig
from secft.estimate import estimate
from secft.planning.situation import Situation
from secft.planning.training import setting_flaws
from secft.train import TrainJob, backend_named, run_training
from secft.train.arguments import optimizer_argument
from secft.train.metrics import read_metrics
from tests.train.conftest import train_here

Make = Callable[..., TrainJob]


@pytest.mark.parametrize("name", OPTIMIZERS)
def test_transformers_knows_the_names(make_job: Make, name: str) -> None:
    from transformers.training_args import OptimizerNames

    argument = optimizer_argument(make_job(optimizer=name), "adamw_torch_fused")
    assert argument in {known.value for known in OptimizerNames}
    assert argument == (name if OPTIMIZERS[name].eight_bit else "adamw_torch_fused")


@pytest.mark.filterwarnings("ignore::FutureWarning", "ignore::UserWarning")
@pytest.mark.usefixtures("restored_signals")
def test_moments_in_8_bits_train_and_are_as_large_as_the_plan_says(make_job: Make, tmp_path: Path) -> None:
    pytest.importorskip("bitsandbytes")
    # Tensors of fewer than 4096 weights keep moments in fp32; at this rank some are larger.
    shared: dict[str, Any] = {"lora": LoraConfig(r=64, alpha=64), "max_steps": 6, "optimizer": "adamw_8bit"}
    shared |= {"save_total_limit": 4}
    # As a run launches it: a process that trains imports bitsandbytes only where it is needed.
    run_training(make_job(**shared), backend_named("trl"), tmp_path / "run", lambda _: None)
    rows = [row for row in read_metrics(tmp_path / "run" / "metrics.jsonl") if "loss" in row]
    assert rows[-1]["loss"] < rows[0]["loss"]
    states = torch.load(tmp_path / "run" / "checkpoints" / "checkpoint-6" / "optimizer.pt", weights_only=True)["state"]
    # bitsandbytes keeps them apart in a checkpoint, so that torch does not change their types.
    blocks = [state["__bnb_optimizer_quant_state__"] for state in states.values()]
    large = [block for block in blocks if "absmax1" in block]
    assert large
    assert {block["state1"].dtype for block in large} == {torch.uint8}
    assert min(block["state1"].numel() for block in large) >= 4096
    kept = [block[key] for block in large for key in ("state1", "state2", "absmax1", "absmax2")]
    weights = sum(block["state1"].numel() for block in large)
    size = sum(one.numel() * one.element_size() for one in kept)
    assert size == pytest.approx(weights * OPTIMIZERS["adamw_8bit"].moment_bytes, rel=0.02)


@pytest.mark.filterwarnings("ignore::FutureWarning", "ignore::UserWarning")
@pytest.mark.usefixtures("restored_signals")
def test_moments_in_8_bits_travel_with_checkpoints(make_job: Make, tmp_path: Path) -> None:
    pytest.importorskip("bitsandbytes")
    job = make_job(lora=LoraConfig(r=64, alpha=64), max_steps=4, optimizer="adamw_8bit", validation_file=None,
                   early_stopping_patience=0)  # fmt: skip
    train_here(job, tmp_path / "whole")
    train_here(job, tmp_path / "again")
    for name in ("result.json", "adapter", "checkpoints/checkpoint-4"):
        _remove(tmp_path / "again" / name)
    train_here(job, tmp_path / "again")
    rows = [read_metrics(tmp_path / name / "metrics.jsonl") for name in ("whole", "again")]
    losses = [[row["loss"] for row in one if "loss" in row] for one in rows]
    assert losses[0] == losses[1]


def _remove(path: Path) -> None:
    import shutil

    if path.is_dir():
        shutil.rmtree(path)
    else:
        path.unlink()


@pytest.mark.parametrize(
    ("overrides", "said"),
    [
        (["trainer.optimizer=paged_adamw_8bit", "hardware=cpu"], "there is no GPU"),
        (["trainer.optimizer=adamw_8bit", "distributed=fsdp2"], "distributed=fsdp2 cannot divide"),
        (["trainer.optimizer=adamw_8bit", "distributed=deepspeed_zero1"], "deepspeed_zero1 cannot divide"),
        (["trainer.optimizer=adamw_8bit", "backend=axolotl", "backend.extra.optimizer=lion"], "trainer.optimizer"),
        (["trainer.optimizer=adamw_8bit", "hardware=cpu"], ""),
        (["backend=llama_factory", "backend.extra.optim=adafactor"], ""),
        (["trainer.optimizer=paged_adamw_8bit", "hardware=cuda24", "distributed=ddp"], ""),
    ],
)
def test_an_optimizer_that_cannot_be_had_is_told(overrides: list[str], said: str) -> None:
    found = [str(one) for one in setting_flaws(Situation(read_config([*overrides, "dry_run=true"])))]
    told = [one for one in found if "optim" in one]
    assert bool(told) == bool(said)
    assert all(said in one for one in told)


def test_the_plan_counts_the_moments() -> None:
    def of(name: str, *more: str) -> int:
        asked = ("model=llama31", "hardware=cuda80", "dry_run=true", f"trainer.optimizer={name}", *more)
        return estimate(Situation(read_config(asked)).setup, None).memory_bytes["optimiser"]

    assert of("auto") == of("adamw")
    assert of("adamw_8bit") / of("adamw") == pytest.approx(0.254, abs=0.001)
    assert of("paged_adamw_8bit") == 0
    # The moments of the embeddings of a whole model stay in fp32.
    saved = of("adamw", "trainer=full") - of("adamw_8bit", "trainer=full")
    assert saved == pytest.approx((8_030_261_248 - 128_256 * 4096) * (8 - 2.03125), rel=0.01)
