"""What programs of an environment see."""

from __future__ import annotations

import base64
import hashlib
import os
import zipfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from secft.train.environments import BackendEnvironment, variables_for


def write_wheel(folder: Path, name: str, version: str, needs: str = "") -> None:
    """Build a pure-Python wheel with one module, as the wheel specification says."""
    info = f"{name}-{version}.dist-info"
    metadata = f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n" + (
        f"Requires-Dist: {needs}\n" if needs else ""
    )
    files = {
        f"{name}.py": f"VERSION = {version!r}\n",
        f"__pycache__/{name}.cpython-30.pyc": "compiled",
        f"{info}/METADATA": metadata,
        f"{info}/WHEEL": "Wheel-Version: 1.0\nGenerator: test\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
    }
    record = ""
    for path, text in files.items():
        digest = base64.urlsafe_b64encode(hashlib.sha256(text.encode()).digest()).rstrip(b"=").decode()
        record += f"{path},sha256={digest},{len(text.encode())}\n"
    with zipfile.ZipFile(folder / f"{name}-{version}-py3-none-any.whl", "w") as wheel:
        for path, text in {**files, f"{info}/RECORD": f"{record}{info}/RECORD,,\n"}.items():
            wheel.writestr(path, text)


@pytest.fixture(scope="module")
def wheels(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("wheels")
    write_wheel(folder, "alpha", "1.0", needs="never_installed>=3")
    write_wheel(folder, "alpha", "1.1")
    write_wheel(folder, "beta", "2.0")
    write_wheel(folder, "gamma", "3.0")
    return folder


@pytest.fixture(scope="module", autouse=True)
def _only_these_wheels(wheels: Path) -> Iterator[None]:
    """Settings of pip as a user without a network has them."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PIP_NO_INDEX", "1")
        patch.setenv("PIP_FIND_LINKS", str(wheels))
        patch.setenv("PIP_CONFIG_FILE", os.devnull)
        yield


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
