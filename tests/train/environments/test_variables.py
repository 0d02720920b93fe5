"""What programs of an environment see."""

from __future__ import annotations

from pathlib import Path

import pytest

from secft.train.environments import BackendEnvironment, variables_for


def test_programs_see_only_their_environment(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import secft.train.environments.variables as module

    place = BackendEnvironment("unsloth", tmp_path / "bin" / "python", tmp_path, "", {})
    given = {"PYTHONPATH": "/secft", "PATH": "/usr/bin", "HF_HOME": "/hf", "WANDB_MODE": "online"}
    monkeypatch.setattr(module, "cuda_devices", list)
    found = variables_for(place, given)
    assert "PYTHONPATH" not in found
    assert found["PATH"] == f"{tmp_path / 'bin'}:/usr/bin"
    assert (found["HF_HOME"], found["WANDB_MODE"], found["AXOLOTL_DO_NOT_TRACK"]) == ("/hf", "disabled", "1")
    assert found["UNSLOTH_FORCE_CPU"] == "1"
    monkeypatch.setattr(module, "cuda_devices", lambda: [80 * 2**30])
    assert "UNSLOTH_FORCE_CPU" not in variables_for(place, given)
