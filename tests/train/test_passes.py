"""How much of the training split a pass takes, and where that is decided by the hardware."""

from __future__ import annotations

from dataclasses import replace

import pytest

from secft.config.compose import read_config
from secft.config.schemas import hardware
from secft.config.schemas.training import TrainerConfig
from secft.train.passes import cut_short, told_short

TRAINER = TrainerConfig(name="lora", pass_tokens=90_000)


@pytest.mark.parametrize(("tokens", "epochs"), [(0, 1.0), (60_000, 1.0), (90_000, 1.0), (180_000, 0.5), (900_000, 0.1)])
def test_a_pass_takes_so_many_tokens_at_most(tokens: int, epochs: float) -> None:
    assert cut_short(TRAINER, tokens).epochs == pytest.approx(epochs)
    assert cut_short(TRAINER, tokens).pass_tokens is None
    assert (told_short(TRAINER, tokens) is None) == (epochs == 1)


def test_epochs_count_passes_and_steps_that_are_said_win() -> None:
    assert cut_short(replace(TRAINER, epochs=3.0), 60_000).epochs == 3
    assert cut_short(replace(TRAINER, epochs=3.0), 180_000).epochs == pytest.approx(1.5)
    assert cut_short(replace(TRAINER, max_steps=20), 900_000).epochs == 1
    assert cut_short(replace(TRAINER, pass_tokens=None), 900_000).epochs == 1
    assert told_short(replace(TRAINER, pass_tokens=None), 900_000) is None


@pytest.mark.parametrize(("bf16", "suited", "tokens"), [(True, "cpu", None), (False, "cpu_fp32", 100_000)])
def test_a_processor_without_bf16_cuts_passes_short(
    monkeypatch: pytest.MonkeyPatch, bf16: bool, suited: str, tokens: int | None
) -> None:
    monkeypatch.setattr(hardware, "cuda_devices", list)
    monkeypatch.setattr(hardware, "cpu_computes_bf16", lambda: bf16)
    assert hardware.suited_option() == suited
    assert read_config([]).trainer.pass_tokens == tokens
    limits = read_config([]).eval.limits
    assert limits.get("general_knowledge", 150) == (150 if bf16 else 100)
    assert limits.get("answer_matching", 60) == 60
    assert read_config(["trainer.pass_tokens=null"]).trainer.pass_tokens is None
    assert read_config(["hardware=cpu_fp32"]).trainer.pass_tokens == 100_000
