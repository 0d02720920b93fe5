"""The locks of the backends."""

from __future__ import annotations

import base64
import hashlib
import os
import zipfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from secft.errors import InputError
from secft.train.backends import BACKENDS, SEPARATE
from secft.train.environments.lock import LOCKS, lock_of


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


def test_locks_hold_nothing_but_pins(tmp_path: Path) -> None:
    for name in SEPARATE:
        lock = lock_of(name)
        assert {"torch", "transformers", "trl", "peft", "accelerate", "bitsandbytes"} <= set(lock.versions)
        assert lock.versions["torch"] == "2.13.0"
        assert BACKENDS[name].environment_bytes > 2**30
    assert {path.stem for path in LOCKS.glob("*.lock")} == set(SEPARATE)
    assert len({lock_of(name).digest for name in SEPARATE}) == 3
    with pytest.raises(InputError, match="Did you mean 'axolotl'"):
        lock_of("axolotle")
    for line in ("--index-url https://example.org", "alpha>=1", "alpha @ file:///tmp/alpha.whl"):
        write_lock(tmp_path / "locks", f"alpha==1.0\n{line}\n")
        with pytest.raises(InputError, match=r"demo\.lock:2: expected name==version"):
            lock_of("demo", tmp_path / "locks")
