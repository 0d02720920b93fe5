"""The cache of converted models."""

from __future__ import annotations

from pathlib import Path

import pytest

from secft.models.cache import MANIFEST, cached_directory, default_cache_dir


def test_cache_entry_appears_only_when_complete(tmp_path: Path) -> None:
    def fail(directory: Path) -> dict[str, str]:
        (directory / "part").write_text("x")
        raise RuntimeError("stopped half-way")

    def build(directory: Path) -> dict[str, str]:
        (directory / "part").write_text("whole")
        return {"license": "x"}

    entry = tmp_path / "entry"
    with pytest.raises(RuntimeError):
        cached_directory(entry, fail)
    assert not entry.exists()
    (tmp_path / ".entry.tmp-dead").mkdir()  # what a killed process leaves
    assert (cached_directory(entry, build) / MANIFEST).is_file()
    assert [path.name for path in tmp_path.iterdir() if ".tmp-" in path.name] == []
    assert cached_directory(entry, fail) == entry


def test_cache_location_follows_the_environment(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("SECFT_CACHE", str(tmp_path))
    assert default_cache_dir() == tmp_path
    monkeypatch.delenv("SECFT_CACHE")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    assert default_cache_dir() == tmp_path / "secft"
