"""What nobody chose is fitted to the memory of a GPU; what somebody chose stays."""

from __future__ import annotations

import pytest

from secft.config.compose import read_config
from secft.config.roots import RunConfig
from secft.estimate import estimate
from secft.fit import USABLE, fits
from secft.planning.situation import Situation, settled
from secft.planning.training import memory_flaws

LARGE = ("model=llama31", "hardware=cuda80", "dry_run=true")


def decided(*overrides: str) -> tuple[RunConfig, tuple[str, ...]]:
    return settled(read_config([*LARGE, *overrides]))


def share(config: RunConfig, micro_batch: int | None = None) -> float:
    situation = Situation(config)
    return estimate(situation.setup, None, micro_batch).total_bytes / situation.machine.memory


@pytest.mark.parametrize("length", [1024, 2048, 4096])
def test_the_largest_power_of_two_that_fits_is_taken_with_the_same_global_batch(length: int) -> None:
    config, told = decided("trainer=lora", f"trainer.max_length={length}")
    size = config.trainer.micro_batch_size
    assert size in (1, 2, 4, 8)
    assert size * config.trainer.gradient_accumulation == 16
    assert not config.trainer.gradient_checkpointing
    assert share(config) <= USABLE < share(config, 2 * size)
    assert f"trainer.micro_batch_size={size} trainer.gradient_accumulation={16 // size}" in told[0]


def test_activations_are_computed_again_only_where_one_row_would_not_fit() -> None:
    config, told = decided("trainer=lora", "trainer.max_length=16384")
    assert config.trainer.gradient_checkpointing
    assert config.trainer.micro_batch_size * config.trainer.gradient_accumulation == 16
    assert share(config) <= USABLE
    assert "gradient_checkpointing=true" in told[0]
    config, _ = decided("trainer=lora", "trainer.max_length=16384", "trainer.gradient_checkpointing=false")
    assert memory_flaws(Situation(config))


def test_what_a_user_gave_stays_and_is_refused() -> None:
    config, told = decided("trainer=lora", "trainer.max_length=1024", "trainer.micro_batch_size=16")
    assert (config.trainer.micro_batch_size, config.trainer.gradient_checkpointing) == (16, True)
    assert "micro_batch_size" not in told[0]
    hand = ("trainer.micro_batch_size=16", "trainer.gradient_checkpointing=false")
    config, told = decided("trainer=lora", "trainer.max_length=4096", *hand)
    assert told == ()
    (flaw,) = memory_flaws(Situation(config))
    assert "With trainer.micro_batch_size=1 trainer.gradient_accumulation=16 it fits" in str(flaw)
    config, told = decided("trainer=lora", "trainer.max_length=4096", "hardware.fitted=[]")
    assert (config.trainer.micro_batch_size, told) == (16, ())


def test_nothing_changes_where_all_fits_or_nothing_would() -> None:
    for overrides in (["trainer=qlora"], ["trainer=full"]):
        config, told = decided(*overrides)
        assert (config.trainer.micro_batch_size, config.trainer.gradient_accumulation, told) == (16, 1, ())
    assert "fsdp2" in str(memory_flaws(Situation(config))[0])


def test_the_processor_is_left_alone() -> None:
    config, told = settled(read_config(["hardware=cpu", "hardware.memory_gib=1"]))
    assert (config.trainer.micro_batch_size, told) == (2, ())
    assert memory_flaws(Situation(config))


def test_a_batch_that_is_no_power_of_two_keeps_its_rows() -> None:
    config, _ = decided("trainer=lora", "trainer.max_length=2048", "hardware.micro_batch_size=12")
    assert config.trainer.micro_batch_size in (1, 2, 4)
    assert config.trainer.micro_batch_size * config.trainer.gradient_accumulation == 12


def test_answers_that_are_compared_stay_two() -> None:
    asked = ("trainer=kto", "trainer.pairs.corrupt=true", "hardware.micro_batch_size=2", "trainer.max_length=8192")
    config, _ = decided(*asked)
    assert (config.trainer.micro_batch_size, config.trainer.gradient_checkpointing) == (2, True)


def test_what_was_decided_is_decided_once() -> None:
    config, told = decided("trainer=lora", "trainer.max_length=16384", "distributed=auto", "hardware.devices=8")
    assert (config.distributed.name, config.distributed.processes) == ("ddp", 8)
    assert len(told) == 2
    assert settled(config) == (config, ())
    situation = Situation(config)
    assert fits(situation.setup, situation.machine)
