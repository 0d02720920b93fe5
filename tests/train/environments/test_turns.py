"""Only one process makes an environment, and only while none trains in it."""

from __future__ import annotations

import base64
import hashlib
import os
import subprocess
import sys
import time
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from secft.errors import TrainingError
from secft.train.environments import check, ensure, in_use
from secft.train.environments.turns import is_being_made

SECONDS = 120


ENSURE = """
import sys
from pathlib import Path
from secft.train.environments import ensure
ensure("demo", Path(sys.argv[1]), lambda text: print(text, flush=True), locks=Path(sys.argv[2]))
"""


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


def write_lock(locks: Path, text: str) -> None:
    locks.mkdir(exist_ok=True)
    (locks / "demo.lock").write_text(text, encoding="utf-8")


def kinds(root: Path, locks: Path, *, files: bool = False) -> list[str]:
    return [finding.code for finding in check("demo", root, files=files, locks=locks)]


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


def test_two_processes_take_turns(tmp_path: Path) -> None:
    root, locks = tmp_path / "root", tmp_path / "locks"
    write_lock(locks, "alpha==1.0\n")
    children = []
    for _ in range(2):
        command = [sys.executable, "-c", ENSURE, root, locks]
        children.append(subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True))
        wait_for(lambda: is_being_made("demo", root))
    assert kinds(root, locks) == ["being made"]
    outputs = [child.communicate(timeout=SECONDS)[0] for child in children]
    assert [child.returncode for child in children] == [0, 0]
    assert ["Making the environment" in output for output in outputs] == [True, False]
    assert "waiting for it" in outputs[1]


def test_environment_in_use_is_not_removed(tmp_path: Path) -> None:
    root, locks = tmp_path / "root", tmp_path / "locks"
    write_lock(locks, "alpha==1.0\n")
    made = ensure("demo", root, locks=locks)
    write_lock(locks, "alpha==1.1\n")
    with in_use(made), in_use(made):
        command = [sys.executable, "-c", ENSURE, root, locks]
        child = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
        assert child.stdout is not None
        assert "making or using the environment of demo; waiting" in child.stdout.readline()
        assert kinds(root, locks) == ["other lock"]
        assert made.python.is_file()
    assert "is ready" in child.communicate(timeout=SECONDS)[0]
    with pytest.raises(TrainingError, match="was removed"), in_use(made):
        pass


def wait_for(happened: Callable[[], bool]) -> None:
    end = time.monotonic() + SECONDS
    while not happened():
        assert time.monotonic() < end, "it never happened"
        time.sleep(0.02)
