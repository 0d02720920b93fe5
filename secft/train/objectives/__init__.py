"""The objectives of training, a module each: the table is this folder.

A module has an ``OBJECTIVE``. What it needs of torch and trl is imported when it is called.
"""

from __future__ import annotations

import importlib
import pkgutil
from dataclasses import fields
from typing import Any

from secft.config.schemas.hardware import HardwareConfig
from secft.config.schemas.training import Adapter, TrainerConfig
from secft.lookup import pick
from secft.train.objective import Method, Objective

FIRST = "sft"


def _found() -> list[Objective]:
    names = sorted((module.name for module in pkgutil.iter_modules(__path__)), key=lambda name: (name != FIRST, name))
    return [importlib.import_module(f"{__name__}.{name}").OBJECTIVE for name in names]


OBJECTIVES: dict[str, Objective] = {objective.name: objective for objective in _found()}
"""name -> record; imitation of conversations first, then by name."""
METHODS: dict[str, Method] = {method.name: method for objective in OBJECTIVES.values() for method in objective.methods}
"""Value of ``trainer=`` -> record."""
_LEARNED = {method.name: objective for objective in OBJECTIVES.values() for method in objective.methods}


def objective_of(trainer: TrainerConfig) -> Objective:
    """Return what a configuration learns.

    Raises:
        ConfigError: there is no such way of training.
    """
    return pick(_LEARNED, trainer.name, "trainer.name")


def method_of(trainer: TrainerConfig) -> Method:
    """Return the record of a way of training.

    Raises:
        ConfigError: there is none of that name.
    """
    return pick(METHODS, trainer.name, "trainer.name")


def adapter_of(trainer: TrainerConfig) -> Adapter:
    """Return which weights are trained: an adapter, or all."""
    return method_of(trainer).adapter_of(trainer)


def trainer_named(name: str, hardware: HardwareConfig | None = None, **settings: Any) -> TrainerConfig:
    """Return the settings of a way of training as they are where no configuration is composed.

    Args:
        name: value of ``trainer=``.
        hardware: says what the trainer leaves to it; left out, the defaults of its schema.
        settings: instead of the defaults.

    Raises:
        ConfigError: there is no such way of training.
    """
    trainer = pick(METHODS, name, "trainer").config(**settings)
    for entry in fields(trainer):
        value = getattr(trainer, entry.name)
        if isinstance(value, str) and value.startswith("${hardware."):
            setting = value.removeprefix("${hardware.").removesuffix("}")
            setattr(trainer, entry.name, getattr(hardware or HardwareConfig(), setting))
    return trainer
