"""Whether the environment of a backend can be used."""

from __future__ import annotations

from pathlib import Path

from secft.train.environments import check, ensure
from tests.train.environments.made import kinds, packages_of


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
