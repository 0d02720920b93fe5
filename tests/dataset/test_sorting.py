from __future__ import annotations

import json
import random
from collections.abc import Iterator
from pathlib import Path

import pytest

from secft.dataset import sorting
from secft.dataset.natural import natural
from secft.dataset.seen import SeenIds
from secft.dataset.sorting import merged_rows, row_id, sorted_lines, with_repeats


def line(identifier: str, number: int = 0) -> str:
    return json.dumps({"id": identifier, "number": number}, ensure_ascii=False)


def shuffled(count: int, spread: int) -> list[str]:
    dice = random.Random(3)
    return [line(dice.choice(["CWE-", "x", "é"]) + str(dice.randrange(spread)), number) for number in range(count)]


def in_order(lines: list[str]) -> list[str]:
    return sorted(lines, key=lambda one: natural(json.loads(one)["id"]))


@pytest.mark.parametrize("identifier", ["a", 'q"uote', "back\\slash", "ü", "\u2028", "a\nb", ""])
def test_the_id_of_a_line(identifier: str) -> None:
    assert row_id(line(identifier)) == identifier
    assert row_id(json.dumps({"number": 1, "id": identifier})) == identifier


@pytest.mark.parametrize("run_lines", [1, 7, 1000, 2000])
def test_lines_come_as_sorted_would_give_them(tmp_path: Path, run_lines: int) -> None:
    lines = shuffled(1000, 200)  # many ids come more than once: their order must stay
    assert list(sorted_lines(lines, natural, tmp_path, run_lines)) == in_order(lines)
    assert list(tmp_path.iterdir()) == []


def test_ids_of_the_same_key_stay_in_their_order(tmp_path: Path) -> None:
    lines = [line(name) for name in ("a01", "a1", "a001", "a2", "a1", "a01", "a02")]
    expected = [line(name) for name in ("a01", "a1", "a001", "a1", "a01", "a2", "a02")]
    assert list(sorted_lines(lines, natural, tmp_path, 2)) == expected


def test_a_run_ends_at_its_characters_too(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    runs: list[int] = []
    add = sorting._Runs.add
    monkeypatch.setattr(sorting._Runs, "add", lambda self, run: (runs.append(len(run)), add(self, run))[1])
    lines = shuffled(100, 1000)
    assert list(sorted_lines(lines, natural, tmp_path, 1000, 10 * len(lines[0]))) == in_order(lines)
    assert max(runs) <= 12
    assert sum(runs) == 100


def test_what_is_in_order_already_is_one_run(tmp_path: Path) -> None:
    lines = [line(f"x{number}") for number in range(100)]
    ordered = sorted_lines(lines, natural, tmp_path, 10)
    assert next(ordered) == lines[0]
    (place,) = tmp_path.iterdir()
    assert len(list(place.iterdir())) == 1
    assert list(ordered) == lines[1:]
    assert list(tmp_path.iterdir()) == []


def test_all_lines_are_read_before_the_first_is_asked_for(tmp_path: Path) -> None:
    def broken() -> Iterator[str]:
        yield line("a")
        raise ValueError("broken")

    with pytest.raises(ValueError, match="broken"):
        sorted_lines(broken(), natural, tmp_path)


def test_more_files_than_are_merged_at_a_time(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sorting, "FAN_IN", 3)
    lines = shuffled(200, 50)
    assert list(sorted_lines(lines, natural, tmp_path, 5)) == in_order(lines)
    files = []
    for start in range(0, 200, 20):
        path = tmp_path / f"{start}"
        path.write_text("\n".join([*in_order(lines[start : start + 20]), line("not asked for")]) + "\n", "utf-8")
        files.append((path, 20))
    assert [row[2] for row in merged_rows(files, natural, tmp_path)] == in_order(lines)
    assert len(list(tmp_path.iterdir())) == 10


def test_repeats_are_told_from_ids_of_the_same_key() -> None:
    rows = [(natural(name), name, "") for name in ("a01", "a1", "a1", "a01", "a2", "b")]
    assert [again for _, again in with_repeats(rows)] == [False, False, True, True, False, False]


def test_seen_ids() -> None:
    names = [f"{number % 7000}" for number in range(10_000)]
    seen, known = SeenIds(), set[str]()
    for name in names:
        assert seen.add(name) == (name not in known)
        known.add(name)
    assert len(seen) == len(known) == 7000
    assert seen.add("\ud800")
    assert not seen.add("\ud800")
