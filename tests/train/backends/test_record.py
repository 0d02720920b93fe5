"""The records of backends: complete, and true to the lists of keys and to the settings of a trainer."""

from __future__ import annotations

from pathlib import Path

import pytest

from secft.config.options import options
from secft.train.backends import BACKENDS, FIRST, SEPARATE
from secft.train.backends.backend import Backend, backend_named
from secft.train.backends.keys import keys_of
from secft.train.objectives import METHODS, trainer_named

ROOT = Path(__file__).resolve().parents[3]


def test_every_option_has_a_record_and_every_record_an_option() -> None:
    assert sorted(BACKENDS) == options("backend")
    assert next(iter(BACKENDS)) == FIRST


@pytest.mark.parametrize("name", BACKENDS)
def test_a_record_names_what_implements_it(name: str) -> None:
    backend, record = backend_named(name), BACKENDS[name]
    assert isinstance(backend, Backend)
    assert backend.name == name == record.config().name
    assert record.otherwise
    assert record.program[-1] == "<training>"
    assert name in SEPARATE or record.program[0] == "python"


@pytest.mark.parametrize("name", SEPARATE)
def test_settings_by_their_own_names_exist(name: str) -> None:
    record, trainer = BACKENDS[name], trainer_named("lora")
    assert record.owned <= keys_of(name)
    assert set(record.same_settings) <= keys_of(name)
    assert set(record.discouraged) <= keys_of(name)
    for setting in record.same_settings.values():
        value: object = trainer
        for part in setting.split("."):
            value = getattr(value, part)


def test_scripts_of_backends_and_of_methods_exist() -> None:
    scripts = [part for record in BACKENDS.values() for part in record.program if part.endswith(".py")]
    scripts += [
        f"secft/train/runners/{support.script}"
        for method in METHODS.values()
        for support in method.support.values()
        if support.script
    ]
    assert len(scripts) >= 4
    assert not [script for script in scripts if not (ROOT / script).is_file()]
