"""Some rows of a split: drawn by seed, what secft adds itself first."""

from __future__ import annotations

from pathlib import Path

import pytest

from secft.dataset.excerpt import excerpt
from secft.files import read_jsonl, write_jsonl


def split_of(place: Path, own: int, others: int) -> Path:
    rows = [
        {"id": f"r{number}", "source": "secft" if number < own else "chats",
         "messages": [{"role": "user", "content": "Question?"}, {"role": "assistant", "content": "Answer. " * 5}]}
        for number in range(own + others)
    ]  # fmt: skip
    write_jsonl(place / "train.jsonl", rows)
    return place / "train.jsonl"


@pytest.mark.parametrize(
    ("own", "others", "part", "kept"), [(20, 80, 0.5, (16, 34)), (10, 90, 0.5, (10, 40)), (0, 9, 0.5, (0, 4))]
)
def test_what_secft_adds_comes_first_up_to_a_third(
    tmp_path: Path, own: int, others: int, part: float, kept: tuple[int, int]
) -> None:
    split = split_of(tmp_path, own, others)
    rows = list(read_jsonl(excerpt(split, tmp_path / "short.jsonl", part, 7)))
    added = sum(row["source"] == "secft" for row in rows)
    assert (added, len(rows) - added) == kept
    ids = [int(row["id"][1:]) for row in rows]
    assert ids == sorted(ids)
    again = list(read_jsonl(excerpt(split, tmp_path / "again.jsonl", part, 7)))
    other = list(read_jsonl(excerpt(split, tmp_path / "other.jsonl", part, 8)))
    assert rows == again
    assert rows != other
