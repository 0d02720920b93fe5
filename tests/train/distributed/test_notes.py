"""What every process leaves, so that its end can be told."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from secft.files import read_json, write_json
from secft.train.distributed.notes import noted, verdict


def note(directory: Path, rank: int, **end: Any) -> None:
    write_json(directory / "ranks" / f"rank-{rank}.json", {"rank": rank, "pid": 10 + rank, "host": "h", **end})


def test_the_verdict_names_the_process_that_failed(tmp_path: Path) -> None:
    note(tmp_path, 0, exit_code=1, message="RuntimeError: Connection closed by peer")
    note(tmp_path, 1)
    code, message = verdict(tmp_path, 1, 2)
    assert code == 1
    assert "process 1 of 2 (pid 11 on h) was killed" in message
    note(tmp_path, 1, exit_code=2, message="InputError: no messages")
    assert verdict(tmp_path, 1, 2) == (2, "no messages")
    for rank in range(2):
        note(tmp_path, rank, exit_code=130, message="")
    assert verdict(tmp_path, 1, 2) == (130, "")
    assert verdict(tmp_path, 1, 3)[1].startswith("processes [2] of 3 did not start")
    assert verdict(tmp_path, 0, 2) == (0, "")


def test_a_note_tells_an_exception(tmp_path: Path) -> None:
    def broken() -> int:
        raise ValueError("wrong weights")

    with pytest.raises(ValueError, match="wrong weights"):
        noted(tmp_path, 3, broken)
    told = read_json(tmp_path / "ranks" / "rank-3.json")
    assert (told["exit_code"], told["message"]) == (1, "ValueError: wrong weights")
