"""Wheels and locks of environments that are made without a network."""

from __future__ import annotations

import base64
import hashlib
import time
import zipfile
from collections.abc import Callable
from pathlib import Path

from secft.train.environments import BackendEnvironment, check

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


def packages_of(made: BackendEnvironment) -> Path:
    return next(made.directory.glob("lib/python*/site-packages"))


def kinds(root: Path, locks: Path, *, files: bool = False) -> list[str]:
    return [finding.code for finding in check("demo", root, files=files, locks=locks)]


def wait_for(happened: Callable[[], bool]) -> None:
    end = time.monotonic() + SECONDS
    while not happened():
        assert time.monotonic() < end, "it never happened"
        time.sleep(0.02)
