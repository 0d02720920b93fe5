"""One flipped bit in anything that is kept: it is told, never used, and made again; and what a loss of power leaves."""

from __future__ import annotations

import json
import os
import random
import shutil
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from secft.artifact import MANIFEST, Artifact, ArtifactStore
from secft.config.roots import RunConfig
from secft.errors import StorageError
from secft.files import write_text
from secft.log import RunLog
from secft.stage import Inputs, Stage, StageResult, run_stages


def write_seed(seed: int, inputs: Inputs, out: Path) -> dict[str, Any]:
    (out / "rows").mkdir()
    (out / "rows" / "value.txt").write_text(f"{seed}\n" * 20)
    (out / "took.log").write_text("1.0 s")
    return {"count": 20, "headline": "twenty rows"}


def double(seed: int, inputs: Inputs, out: Path) -> dict[str, Any]:
    lines = (inputs["first"].path / "rows" / "value.txt").read_text().split()
    (out / "value.txt").write_text(str(2 * sum(map(int, lines))))
    return {"verdict": "fail"}


FIRST = Stage("first", 1, (), lambda config: config.seed, write_seed, volatile=("*.log",), intermediate=True)
SECOND = Stage("second", 1, ("first",), lambda config: config.seed, double)


def go(root: Path, *stages: Stage[Any]) -> tuple[dict[str, Artifact], list[StageResult]]:
    """Run stages in a store of a new process's; return their artifacts, and each result that was told."""
    results: list[StageResult] = []
    made = run_stages(stages or (FIRST, SECOND), RunConfig(), ArtifactStore(root), RunLog(), results.append)
    return made, results


def flip(path: Path, chosen: random.Random, *, quietly: bool = False) -> None:
    """Flip one bit of a file, in place; quietly leaves its time as it was, as a failing disk does."""
    before, data = path.stat(), bytearray(path.read_bytes())
    data[chosen.randrange(len(data))] ^= 1 << chosen.randrange(8)
    path.write_bytes(bytes(data))
    if quietly:
        os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))


def files_of(directory: Path) -> list[Path]:
    return sorted(path for path in directory.rglob("*") if path.is_file())


@pytest.mark.parametrize("quietly", [False, True])
@pytest.mark.parametrize("seed", range(12))
def test_a_flipped_bit_in_a_result_is_told_and_mended(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], seed: int, quietly: bool
) -> None:
    whole, _ = go(tmp_path)
    chosen = random.Random(seed)
    flip(chosen.choice(files_of(whole["second"].path)), chosen, quietly=quietly)
    again, results = go(tmp_path)
    assert [result.reused for result in results] == [True, False]
    assert "is damaged" in capsys.readouterr().err
    assert again["second"].digest == whole["second"].digest
    assert (again["second"].path / "value.txt").read_text() == "280"
    assert all(result.reused for result in go(tmp_path)[1]), "mended for good"


@pytest.mark.parametrize("seed", range(8))
def test_what_a_stage_is_about_to_read_is_read_and_compared(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], seed: int
) -> None:
    whole, _ = go(tmp_path)
    shutil.rmtree(whole["second"].path)
    chosen = random.Random(seed)
    flip(chosen.choice([p for p in files_of(whole["first"].path) if p.name != MANIFEST]), chosen, quietly=True)
    again, results = go(tmp_path)
    assert "is damaged" in capsys.readouterr().err
    assert [(result.stage, result.reused) for result in results] == [
        ("first", True), ("first", False), ("second", False)
    ]  # fmt: skip
    assert {name: one.digest for name, one in again.items()} == {name: one.digest for name, one in whole.items()}


def test_a_disk_that_gives_back_other_bytes_each_time_ends_the_run(tmp_path: Path) -> None:
    def fail_quietly(result: StageResult) -> None:
        if result.stage == "first":
            flip(result.artifact.path / "rows" / "value.txt", random.Random(1), quietly=True)

    store = ArtifactStore(tmp_path)
    with pytest.raises(StorageError, match="Check the disk"):
        run_stages((FIRST, SECOND), RunConfig(), store, RunLog(), fail_quietly)


def test_an_intermediate_result_that_nobody_reads_costs_no_reading(tmp_path: Path) -> None:
    whole, _ = go(tmp_path)
    flip(whole["first"].path / "rows" / "value.txt", random.Random(1), quietly=True)
    assert all(result.reused for result in go(tmp_path)[1])


def test_a_result_made_of_another_one_is_made_again(tmp_path: Path) -> None:
    whole, _ = go(tmp_path)
    (whole["first"].path / "rows" / "value.txt").write_text("8\n")
    other = replace(FIRST, work=lambda seed, inputs, out: write_seed(seed + 1, inputs, out))
    _, results = go(tmp_path, other, SECOND)
    assert [result.reused for result in results] == [False, False]


def test_an_edited_summary_an_added_file_and_a_manifest_without_a_seal_are_damage(tmp_path: Path) -> None:
    for number, damage in enumerate(("verdict", "file", "seal", "format", "list")):
        whole, _ = go(tmp_path / str(number))
        place = whole["second"].path
        manifest = json.loads((place / MANIFEST).read_text())
        if damage == "file":
            (place / "adapter_model.safetensors").write_text("from elsewhere")
        elif damage == "list":
            (place / MANIFEST).write_text("[]")
        elif damage == "seal":
            del manifest["seal"]
        else:
            manifest = {**manifest, **{"verdict": {"summary": {"verdict": "pass"}}, "format": {"format": 2}}[damage]}
        if damage not in ("file", "list"):
            (place / MANIFEST).write_text(json.dumps(manifest))
        again, results = go(tmp_path / str(number))
        assert not results[1].reused, damage
        assert again["second"].summary["verdict"] == "fail"


def test_a_copied_store_is_read_once_and_then_known(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    go(tmp_path / "one", FIRST)
    shutil.copytree(tmp_path / "one", tmp_path / "two", copy_function=shutil.copyfile)
    read: list[Path] = []
    import secft.integrity

    real = secft.integrity.sha256_file
    monkeypatch.setattr(secft.integrity, "sha256_file", lambda path: (read.append(path), real(path))[1])
    assert go(tmp_path / "two", FIRST)[1][0].reused
    assert len(read) == 2
    assert go(tmp_path / "two", FIRST)[1][0].reused
    assert len(read) == 2


def test_a_result_of_an_earlier_version_without_seal_and_times_is_read_and_used(tmp_path: Path) -> None:
    whole, _ = go(tmp_path, FIRST)
    manifest = json.loads((whole["first"].path / MANIFEST).read_text())
    old = {key: value for key, value in manifest.items() if key not in ("seal", "times")}
    (whole["first"].path / MANIFEST).write_text(json.dumps(old))
    assert go(tmp_path, FIRST)[1][0].reused
    (whole["first"].path / "rows" / "value.txt").write_text("8\n" * 20)
    assert not go(tmp_path, FIRST)[1][0].reused


class PowerLoss:
    """A disk that keeps only what was flushed: every file since whose last fsync something was written is zeros."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.flushed: dict[int, int] = {}
        self.names: set[Path] = set()

    def fsync(self, handle: int) -> None:
        """Remember a flush; for directories, which names they hold then."""
        facts = os.fstat(handle)
        path = Path(f"/proc/self/fd/{handle}").readlink()
        if path.is_dir():
            self.names.update(path.iterdir())
        else:
            self.flushed[facts.st_ino] = facts.st_mtime_ns

    def strike(self) -> None:
        """Lose what was not flushed: contents become zeros, new names of directories disappear."""
        for path in files_of(self.root):
            facts = path.stat()
            if self.flushed.get(facts.st_ino) != facts.st_mtime_ns and not path.name.endswith(".lock"):
                path.write_bytes(b"\0" * facts.st_size)
        for path in [path for path in self.root.glob("*/*") if path.is_dir()]:
            if path not in self.names:
                shutil.rmtree(path)


@pytest.fixture
def power(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> PowerLoss:
    loss = PowerLoss(tmp_path)
    monkeypatch.setattr(os, "fsync", loss.fsync)
    return loss


def test_what_counts_as_finished_survives_a_loss_of_power(tmp_path: Path, power: PowerLoss) -> None:
    whole, _ = go(tmp_path)
    contents = {path: path.read_bytes() for path in files_of(tmp_path) if path.suffix != ".lock"}
    power.strike()
    assert {path: path.read_bytes() for path in contents} == contents
    assert all(result.reused for result in go(tmp_path)[1])
    assert whole["second"].path.is_dir()


def test_the_loss_of_power_of_these_tests_does_lose_something(tmp_path: Path, power: PowerLoss) -> None:
    (tmp_path / "stage" / "result").mkdir(parents=True)
    (tmp_path / "stage" / "result" / "value.txt").write_text("8")
    write_text(tmp_path / "kept.txt", "kept")
    power.strike()
    assert not (tmp_path / "stage" / "result").exists()
    assert (tmp_path / "kept.txt").read_text() == "kept"


def test_files_of_zeros_are_damage_and_no_dead_end(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    whole, _ = go(tmp_path)
    for path in files_of(whole["second"].path):
        path.write_bytes(b"\0" * path.stat().st_size)
    assert not go(tmp_path)[1][1].reused
    assert "is damaged" in capsys.readouterr().err
