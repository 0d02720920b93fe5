"""Checkpoints are resumed only where they are what was written."""

from __future__ import annotations

import os
import random
from pathlib import Path

import pytest

from secft.train.checkpoints import MARKER, CheckpointProgress, last_complete, mark_complete
from secft.train.recovery import last_step
from secft.train.runners.facts import read_marker


def write(directory: Path, step: int, digest: str = "mine") -> Path:
    checkpoint = directory / f"checkpoint-{step}"
    (checkpoint / "rank0").mkdir(parents=True)
    (checkpoint / "adapter_model.safetensors").write_bytes(bytes(range(256)) * step)
    (checkpoint / "rank0" / "optimizer.bin").write_bytes(bytes(64))
    mark_complete(checkpoint, CheckpointProgress(digest, step, 100 * step, 10 * step, 1.5, 0.25))
    return checkpoint


def test_the_newest_whole_one_is_taken_and_the_others_go(tmp_path: Path) -> None:
    write(tmp_path, 2)
    write(tmp_path, 10)
    write(tmp_path, 12, "other")
    (tmp_path / "checkpoint-14").mkdir()
    found = last_complete(tmp_path, "mine")
    assert found == (tmp_path / "checkpoint-10", CheckpointProgress("mine", 10, 1000, 100, 1.5, 0.25))
    assert sorted(path.name for path in tmp_path.iterdir()) == ["checkpoint-10", "checkpoint-2"]
    assert last_step(tmp_path) == 10
    before = last_complete(tmp_path, "mine", before=10)
    assert before is not None
    assert before[1].step == 2


@pytest.mark.parametrize("seed", range(12))
def test_a_flipped_bit_is_told_and_the_one_before_is_taken(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], seed: int
) -> None:
    write(tmp_path, 2)
    newest, chosen = write(tmp_path, 4), random.Random(seed)
    path = chosen.choice(sorted(path for path in newest.rglob("*") if path.is_file()))
    times, data = path.stat(), bytearray(path.read_bytes())
    data[chosen.randrange(len(data))] ^= 1 << chosen.randrange(8)
    path.write_bytes(bytes(data))
    os.utime(path, ns=(times.st_atime_ns, times.st_mtime_ns))
    found = last_complete(tmp_path, "mine")
    assert found is not None
    assert found[1].step == 2
    assert "checkpoint-4 is damaged" in " ".join(capsys.readouterr().err.split())
    assert not newest.exists()


@pytest.mark.parametrize("text", ["", "\0" * 80, "[]", "{}", '{"step": 4}', "null"])
def test_a_marker_that_says_nothing_is_no_marker(tmp_path: Path, text: str) -> None:
    checkpoint = write(tmp_path, 4)
    (checkpoint / MARKER).write_text(text)
    assert read_marker(checkpoint) is None
    assert last_step(tmp_path) == 0
    assert last_complete(tmp_path, "mine") is None
