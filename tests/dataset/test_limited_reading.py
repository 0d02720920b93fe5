"""Files that are out to harm are counted refusals beside their good neighbours, within bounds of memory and output."""

from __future__ import annotations

import gzip
import json
import os
import time
from pathlib import Path
from typing import Any

import pytest

from secft.config.schemas.source import SourceConfig
from secft.dataset import collect
from secft.dataset.sources.kev import KevSource
from secft.dataset.sources.own_records import JsonlSource
from secft.dataset.sources.table import SOURCES
from secft.process_stream import LimitedItem, stream_limited
from tests.dataset.sources.bombs import BOMBS, GOOD, kev

HARMLESS = {("sigma", '"\\x1b[2J"'), ("web", "links"), ("web", "spans"), ("web", "control characters")}
"""Read like any other; the rest is refused."""
CASES = [(source, name) for source, (_, bombs) in BOMBS.items() for name in bombs]


def collected(config: SourceConfig, out: Path) -> tuple[list[dict[str, Any]], list[dict[str, Any]], dict[str, int]]:
    """Return documents, rows of refusals and counts of a source, read as a run reads it."""
    summary = collect.collect({config.name: config}, out)["sources"][config.name]
    texts = ((out / name).read_text(encoding="utf-8") for name in (collect.DOCUMENTS, collect.REFUSED))
    documents, refused = ([json.loads(line) for line in text.splitlines()] for text in texts)
    return documents, refused, summary["dropped"]


@pytest.mark.parametrize(("source", "name"), CASES)
def test_a_bomb_is_counted_beside_its_good_neighbour(source: str, name: str, tmp_path: Path) -> None:
    suffix, bombs = BOMBS[source]
    made = bombs[name]()
    folder = tmp_path / "in"
    folder.mkdir()
    (folder / f"bomb{suffix}").write_bytes(made if isinstance(made, bytes) else made.encode("utf-8", "surrogatepass"))
    (folder / f"good{suffix}").write_text(GOOD[source](), encoding="utf-8")
    more = {"max_bad_lines": 10} if source == "jsonl" else {}
    config = SOURCES[source].config(paths=[str(folder)], **more)  # type: ignore[call-arg]
    documents, refused, dropped = collected(config, tmp_path / "out")
    assert [row for row in documents if "good" in row["path"] or source == "cve"]
    assert bool(dropped) == ((source, name) not in HARMLESS)
    assert len(refused) <= 1100
    shown = json.dumps(documents, ensure_ascii=False)
    assert not set(shown) & set(map(chr, [*range(9), *range(14, 32), 127]))


def test_refusals_beyond_a_thousand_are_counted_without_rows(tmp_path: Path) -> None:
    path = tmp_path / "kev.json.gz"
    path.write_bytes(gzip.compress(json.dumps(kev(50_000), separators=(",", ":")).encode()))
    documents, refused, dropped = collected(KevSource(path=str(path)), tmp_path / "out")
    assert [row["id"] for row in documents] == ["KEV:CVE-2030-0001"]
    assert dropped == {"record.not_object": 50_000}
    assert 1000 < len(refused) < 1100
    assert refused[-1]["count"] == 50_000 - (len(refused) - 1)


@pytest.mark.slow
def test_text_without_end_is_cut_off(tmp_path: Path) -> None:
    row = json.dumps({"user": "What is it?", "assistant": "A weakness of a part. " * 8000}) + "\n"
    path = tmp_path / "rows.jsonl.gz"
    path.write_bytes(gzip.compress((row * 600).encode()))
    documents, _, dropped = collected(JsonlSource(paths=[str(path)]), tmp_path / "out")
    assert dropped == {"file.too_much": 1}
    assert 100 < len(documents) < 600


def act(what: str) -> Any:
    """Do what a hostile file makes a reader do, after a first value."""
    yield os.getpid()
    if what == "spin":
        while True:
            pass
    if what == "fill":
        yield len([bytearray(1 << 20) for _ in range(4096)])
    if what == "die":
        os.abort()
    if what == "raise":
        raise KeyError("maybe")
    yield what


def test_each_item_has_limits_of_its_own_and_the_others_go_on() -> None:
    names = ["a", "spin", "b", "fill", "c", "die", "raise", "d"]
    items = [LimitedItem(name, 2, 128 << 20) for name in names]
    told: dict[str, list[Any]] = {name: [] for name in names}
    for number, outcome in stream_limited(act, items):
        told[names[number]].append(outcome.failure or outcome.value)
    ends = {name: values[1:] for name, values in told.items()}
    failed = {"spin": ["timed_out"], "fill": ["out_of_memory"], "die": ["crashed"], "raise": ["failed"]}
    assert ends == {name: failed.get(name, [name]) for name in names}
    assert told["a"][0] != os.getpid()
    assert len({values[0] for values in told.values()}) > 1


def work(batches: int) -> Any:
    """Yield a value for each half second of work."""
    for number in range(batches):
        end = time.process_time() + 0.5
        while time.process_time() < end:
            pass
        yield number


def test_work_that_gets_on_may_take_longer_than_work_that_does_not() -> None:
    items = [LimitedItem(6, 1, 128 << 20), LimitedItem(6, 1, 128 << 20, more_seconds=0.5)]
    told: dict[int, list[Any]] = {0: [], 1: []}
    for number, outcome in stream_limited(work, items):
        told[number].append(outcome.failure or outcome.value)
    assert told[0][-1] == "timed_out"
    assert told[1] == list(range(6))


def test_one_process_serves_many_items_and_orders() -> None:
    pids = {
        outcome.value
        for _ in range(3)
        for _, outcome in stream_limited(act, [LimitedItem(str(number), 5, 64 << 20) for number in range(50)])
        if isinstance(outcome.value, int)
    }
    assert len(pids) == 1
