"""The cache of converted models."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from secft.files import sha256_file
from secft.models.cache import MANIFEST, cached_directory, default_cache_dir, kept_digests


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


@pytest.mark.parametrize(
    "damage", ["weights", "weights of the same time", "config.json", "manifest", "added", "removed"]
)
def test_an_entry_that_is_not_what_was_built_is_told_and_built_again(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], damage: str
) -> None:
    built = []

    def build(directory: Path) -> dict[str, str]:
        built.append(directory)
        (directory / "model.safetensors").write_bytes(bytes(range(100)))
        (directory / "config.json").write_text('{"rms_norm_eps": 1e-05}')
        return {"license": "apache-2.0"}

    entry = cached_directory(tmp_path / "entry", build)
    times = (entry / "model.safetensors").stat()
    if damage.startswith("weights"):
        (entry / "model.safetensors").write_bytes(bytes(range(1, 101)))
        if damage != "weights":
            os.utime(entry / "model.safetensors", ns=(times.st_atime_ns, times.st_mtime_ns))
    elif damage == "config.json":
        (entry / "config.json").write_text('{"rms_norm_eps": 1e-06}')
    elif damage == "manifest":
        text = (entry / MANIFEST).read_text()
        (entry / MANIFEST).write_text(text.replace("apache-2.0", "apache-2.1"))
    elif damage == "added":
        (entry / "tokenizer.json").write_text("{}")
    else:
        (entry / "config.json").unlink()
    assert cached_directory(entry, build) == entry
    assert "is damaged or incomplete" in capsys.readouterr().err
    assert len(built) == 2
    assert (entry / "config.json").read_text() == '{"rms_norm_eps": 1e-05}'
    assert kept_digests(entry)["config.json"] == sha256_file(entry / "config.json")
    cached_directory(entry, build)
    assert len(built) == 2
    assert capsys.readouterr().err == ""


def test_cache_location_follows_the_environment(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("SECFT_CACHE", str(tmp_path))
    assert default_cache_dir() == tmp_path
    monkeypatch.delenv("SECFT_CACHE")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    assert default_cache_dir() == tmp_path / "secft"
