"""Settings that a user hands to a backend by its own names."""

from __future__ import annotations

import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from secft.config.compose import compose_job
from secft.errors import InputError
from secft.train import TrainJob, backend_named
from secft.train.backends.keys import extra_problems, keys_of
from secft.train.backends.separate import SCRIPTS
from tests.train.backends.rendering import KINDS, render

Make = Callable[..., TrainJob]


ENVIRONMENTS = Path(__file__).resolve().parents[3] / ".backends"


def test_settings_of_the_user_win_and_wrong_ones_are_refused(job_of: Make, tmp_path: Path) -> None:
    config, _ = render("axolotl", job_of(), tmp_path / "a", neftune_noise_alpha=5, weight_decay=0.2)
    assert (config["neftune_noise_alpha"], config["weight_decay"]) == (5, 0.2)
    with pytest.raises(InputError, match=r"weight_decya = 0\.1: is no setting of axolotl"):
        render("axolotl", job_of(), tmp_path / "b", weight_decya=0.1)
    wrong = extra_problems("llama_factory", {"trust_remote_code": True, "push_to_hub": True, "stage": "pt"})
    reasons = {problem.key.rpartition(".")[2]: problem.reason for problem in wrong}
    assert "would load code" in reasons["trust_remote_code"]
    assert "would send" in reasons["push_to_hub"]
    assert "set by secft" in reasons["stage"]
    assert extra_problems("axolotl", {"plugins": ["os"]})
    assert not extra_problems("axolotl", {"lora_dropout": 0.1})


def test_extra_settings_arrive_by_the_command_line() -> None:
    composed = compose_job(["backend=axolotl", "backend.extra.neftune_noise_alpha=5"])
    assert composed.config is not None, composed.problems
    assert composed.config.backend.extra == {"neftune_noise_alpha": 5}


def real_backend(name: str) -> Any:
    """The backend with its real environment."""
    if not (ENVIRONMENTS / name / "secft.json").is_file():
        pytest.skip(f"no environment {ENVIRONMENTS / name}; python -m secft doctor --fix makes it")
    return backend_named(name, ENVIRONMENTS)


@pytest.mark.slow
@pytest.mark.parametrize("name", KINDS)
def test_listed_keys_are_those_of_the_installed_backend(name: str) -> None:
    from secft.train.environments import variables_for

    place = real_backend(name).place
    command = [str(place.python), str(SCRIPTS / "schema_keys.py"), name]
    printed = subprocess.run(command, env=variables_for(place), capture_output=True, text=True, check=True, timeout=300)
    assert set(printed.stdout.split()) >= keys_of(name)
    assert len(keys_of(name)) > 300
