from __future__ import annotations

import json
import random
import tracemalloc
from pathlib import Path
from typing import Any

import pytest

from secft.config.schemas.source import SourceConfig
from secft.dataset import collect, sorting, source_summary
from secft.dataset.curation.injection import _rules
from secft.dataset.sources.own_records import JsonlSource
from secft.errors import InputError


def write(path: Path, rows: list[dict[str, Any]]) -> Path:
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), "utf-8")
    return path


def chats(count: int, **more: Any) -> list[dict[str, Any]]:
    return [{"user": f"What is {number}?", "assistant": f"It is {number}.", **more} for number in range(count)]


def collected(configs: dict[str, SourceConfig], out: Path) -> tuple[bytes, bytes, dict[str, Any]]:
    summary = collect.collect(configs, out)
    assert {path.name for path in out.iterdir()} == {collect.DOCUMENTS, collect.REFUSED}
    return (out / collect.DOCUMENTS).read_bytes(), (out / collect.REFUSED).read_bytes(), summary


def small_runs(monkeypatch: pytest.MonkeyPatch, lines: int) -> None:
    monkeypatch.setattr(sorting.sorted_lines, "__defaults__", (lines, 1 << 20))


def test_more_rows_than_are_sorted_at_a_time(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    rows = [{"id": f"CWE-{number}", **chat} for number, chat in enumerate(chats(500))]
    random.Random(1).shuffle(rows)
    path = write(tmp_path / "rows.jsonl", rows)
    with path.open("a") as stream:
        stream.write("broken\n")
    configs: dict[str, SourceConfig] = {"jsonl": JsonlSource(path=str(path), max_bad_lines=1)}
    at_once = collected(configs, tmp_path / "at once")
    small_runs(monkeypatch, 20)
    in_runs = collected(configs, tmp_path / "in runs")
    assert in_runs == at_once
    ids = [json.loads(line)["id"] for line in at_once[0].splitlines()]
    assert ids == [f"jsonl:CWE-{number}" for number in range(500)]
    assert [json.loads(line) for line in at_once[1].splitlines()] == [
        {"source": "jsonl", "record": "line 501", "reason": "record.not_json"}
    ]
    facts = at_once[2]["sources"]["jsonl"]
    assert (facts["seen"], facts["kept"], facts["kind"]) == (501, 500, "record")


def test_what_is_over_the_limit_counts_neither_as_kind_nor_as_licence(tmp_path: Path) -> None:
    rows = chats(3, license="mit") + chats(2, license="cc0-1.0")
    path = write(tmp_path / "rows.jsonl", rows)
    _, refused, summary = collected({"jsonl": JsonlSource(path=str(path), limit=3)}, tmp_path / "out")
    assert summary["sources"]["jsonl"]["license"] == "mit"
    assert summary["sources"]["jsonl"]["dropped"] == {"record.over_limit": 2}
    assert [json.loads(line)["record"] for line in refused.splitlines()] == ["jsonl:0000004", "jsonl:0000005"]
    _, _, summary = collected({"jsonl": JsonlSource(path=str(path))}, tmp_path / "all")
    assert summary["sources"]["jsonl"]["license"] == "cc0-1.0; mit"


def test_an_id_of_two_sources(tmp_path: Path) -> None:
    path = write(tmp_path / "rows.jsonl", chats(3))
    configs: dict[str, SourceConfig] = {name: JsonlSource(path=str(path)) for name in ("a", "b")}
    with pytest.raises(InputError, match="document jsonl:0000001 comes twice: from jsonl and jsonl"):
        collect.collect(configs, tmp_path / "out")


def peak_of(count: int, directory: Path) -> int:
    """Return the largest number of bytes that were held while so many rows were collected."""
    path = write(directory / f"{count}.jsonl", chats(count))
    tracemalloc.start()
    try:
        collect.collect({"jsonl": JsonlSource(path=str(path))}, directory / f"out {count}")
        return tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()


def test_memory_does_not_grow_with_the_number_of_rows(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    small_runs(monkeypatch, 200)
    # The rules of the last few thousand texts are remembered, which a small test would count as growth.
    monkeypatch.setattr(source_summary, "injection_rules", _rules)
    peak_of(10, tmp_path)  # what is loaded and kept once
    few, many = peak_of(1000, tmp_path), peak_of(4000, tmp_path)
    # Ids are remembered in 24 to 48 bytes each; a row that is held takes about a thousand.
    assert many - few < 3000 * 250
