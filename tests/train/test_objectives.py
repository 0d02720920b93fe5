"""The table of objectives: a module and a YAML file each, and nothing of torch."""

from __future__ import annotations

import subprocess
import sys
from dataclasses import fields

import pytest

from secft.config.options import options
from secft.config.schemas.hardware import HardwareConfig
from secft.config.schemas.training import ADAPTERS, LoraConfig
from secft.errors import ConfigError
from secft.train.backends import BACKENDS
from secft.train.objectives import METHODS, OBJECTIVES, adapter_of, method_of, objective_of, trainer_named


def test_every_option_has_a_record_and_every_record_an_option() -> None:
    assert sorted(METHODS) == options("trainer")
    assert next(iter(OBJECTIVES)) == "sft"
    for objective in OBJECTIVES.values():
        assert objective.title
        assert objective.loss.endswith(".")
        assert objective.rows.columns


@pytest.mark.parametrize("name", METHODS)
def test_a_record_is_whole(name: str) -> None:
    method = METHODS[name]
    assert set(method.support) <= set(BACKENDS)
    trainer = trainer_named(name)
    assert trainer.name == name
    assert method_of(trainer) is method
    assert ADAPTERS[adapter_of(trainer).name] is adapter_of(trainer)
    trained = [backend for backend, support in method.support.items() if support.supported]
    assert trained, "some backend does it"
    support = method.support.get("trl")
    assert support is None or support.supported == (support.load is not None)
    assert method in objective_of(trainer).methods


def test_defaults_that_hardware_decides_are_filled_in() -> None:
    trainer = trainer_named("lora", HardwareConfig(micro_batch_size=5), lora=LoraConfig(r=3))
    assert (trainer.micro_batch_size, trainer.precision) == (5, "auto")
    assert not [entry.name for entry in fields(trainer) if str(getattr(trainer, entry.name)).startswith("${")]


def test_an_unknown_way_of_training_gets_a_suggestion() -> None:
    with pytest.raises(ConfigError, match="Did you mean 'qlora'"):
        trainer_named("qlroa")


def test_the_table_is_built_without_torch() -> None:
    code = "import sys, secft.train.objectives, secft.config.store; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
