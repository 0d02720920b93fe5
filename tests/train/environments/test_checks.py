"""Whether the environment of a backend can be used."""

from __future__ import annotations

import base64
import hashlib
import os
import zipfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from secft.train.environments import BackendEnvironment, check, ensure


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


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path, list[str]]:
    """An environment that was made once; what is told while it is made; tests put back what they change."""
    place = tmp_path_factory.mktemp("finished")
    write_lock(place / "locks", "# two packages\nalpha==1.0\nbeta==2.0  # the second\n")
    added = place / "locks" / "demo"
    added.mkdir()
    (added / "stand_in.py").write_text("REAL = False\n", encoding="utf-8")
    told: list[str] = []
    ensure("demo", place / "root", told.append, locks=place / "locks")
    return place / "root", place / "locks", told


def test_tampered_version_is_found_without_reading_files(finished: tuple[Path, Path, list[str]]) -> None:
    root, locks, _ = finished
    metadata = packages_of(ensure("demo", root, locks=locks)) / "beta-2.0.dist-info" / "METADATA"
    text = metadata.read_text(encoding="utf-8")
    metadata.write_text(text.replace("Version: 2.0", "Version: 2.7"), encoding="utf-8")
    try:
        found = check("demo", root, locks=locks)
        assert [(finding.code, finding.reason) for finding in found] == [("version", "beta 2.7, the lock says 2.0")]
        assert "doctor --fix --backend demo" in str(found[0])
    finally:
        metadata.write_text(text, encoding="utf-8")
    assert kinds(root, locks) == []


def test_changed_files_are_found_where_files_are_read(finished: tuple[Path, Path, list[str]]) -> None:
    root, locks, _ = finished
    packages = packages_of(ensure("demo", root, locks=locks))
    module, added = packages / "alpha.py", packages / "stand_in.py"
    before = module.read_text(encoding="utf-8"), added.read_text(encoding="utf-8")
    (packages / "__pycache__" / "alpha.cpython-30.pyc").write_text("compiled again", encoding="utf-8")
    assert kinds(root, locks, files=True) == []
    module.write_text("VERSION = 'other'\n", encoding="utf-8")
    assert kinds(root, locks) == []
    assert [finding.reason for finding in check("demo", root, files=True, locks=locks)] == ["alpha.py was changed"]
    module.unlink()
    added.write_text("REAL = True\n", encoding="utf-8")
    found = check("demo", root, files=True, locks=locks)
    assert [finding.reason for finding in found] == ["alpha.py is gone", "stand_in.py is gone or was changed"]
    module.write_text(before[0], encoding="utf-8")
    added.write_text(before[1], encoding="utf-8")
    assert kinds(root, locks, files=True) == []


def test_added_package_is_found(finished: tuple[Path, Path, list[str]]) -> None:
    root, locks, _ = finished
    info = packages_of(ensure("demo", root, locks=locks)) / "gamma-3.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: gamma\nVersion: 3.0\n", encoding="utf-8")
    assert kinds(root, locks) == ["extra"]
    (info / "METADATA").unlink()
    info.rmdir()
    assert kinds(root, locks) == []


def test_moved_environment_and_gone_python_do_not_count(finished: tuple[Path, Path, list[str]], tmp_path: Path) -> None:
    root, locks, _ = finished
    (root / "demo").rename(tmp_path / "demo")
    try:
        assert kinds(tmp_path, locks) == ["moved"]
        assert kinds(root, locks) == ["missing"]
    finally:
        (tmp_path / "demo").rename(root / "demo")
    python = root / "demo" / "bin" / "python"
    target = python.readlink()
    python.unlink()
    python.symlink_to("/nowhere/python")
    assert kinds(root, locks) == ["python"]
    python.unlink()
    python.symlink_to(target)
    assert kinds(root, locks) == []
