"""The plan's forecast, against sizes that are known."""

from __future__ import annotations

import pytest

from secft.config.compose import read_config
from secft.estimate import estimate, lora_parameters, parameters
from secft.planning.situation import Situation


@pytest.mark.parametrize(("model", "weights"), [("smollm2", 134_515_008), ("llama31", 8_030_261_248), ("tiny", None)])
def test_parameters_are_those_of_the_real_model(model: str, weights: int | None) -> None:
    shape = read_config([f"model={model}"]).model.architecture
    if weights:
        assert parameters(shape) == weights
    assert parameters(shape) > 0


def test_lora_parameters_are_those_of_peft() -> None:
    """Rank 16 on all linear layers of SmolLM2-135M: what the engine reports as trained."""
    shape = read_config([]).model.architecture
    assert lora_parameters(shape, 16) == 4_884_480


def test_time_grows_with_tokens_and_epochs() -> None:
    def seconds(tokens: int | None, *overrides: str) -> float | None:
        return estimate(Situation(read_config(["hardware=cpu", *overrides])).setup, tokens).seconds

    once = seconds(100_000) or 0
    assert seconds(100_000, "trainer.epochs=3") == pytest.approx(3 * once)
    assert seconds(200_000) == pytest.approx(2 * once)
    assert seconds(200_000, "trainer.pass_tokens=100000") == pytest.approx(once)
    assert seconds(None) is None


def test_max_steps_bound_the_time() -> None:
    few = estimate(Situation(read_config(["trainer.max_steps=1"])).setup, 10**9).seconds or 0
    assert few < 60


def test_qlora_needs_less_memory_than_lora_and_lora_less_than_full() -> None:
    needs = [
        estimate(Situation(read_config(["model=llama31", f"trainer={name}"])).setup, None)
        for name in ("qlora", "lora", "full")
    ]
    assert needs[0].total_bytes < needs[1].total_bytes < needs[2].total_bytes
    assert needs[0].memory_bytes["weights"] < needs[1].memory_bytes["weights"]


@pytest.mark.parametrize(("precision", "least", "most"), [("bf16", 5.3, 5.5), ("fp32", 7.2, 7.5)])
def test_embeddings_and_head_of_a_quantised_model_are_not_quantised(precision: str, least: float, most: float) -> None:
    # Llama 3.1 8B: 7.0e9 weights of 4.127 bits, and 2 x 128,256 x 4,096 in the precision of the products.
    settings = ["model=llama31", "trainer=qlora", f"trainer.precision={precision}"]
    needs = estimate(Situation(read_config(settings)).setup, None)
    assert least < needs.memory_bytes["weights"] / 2**30 < most
