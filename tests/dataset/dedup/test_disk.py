from __future__ import annotations

import random
from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from secft.config.schemas.dedup import DedupConfig
from secft.dataset import dedup
from secft.dataset.dedup import IMPLEMENTATIONS, Text
from secft.dataset.dedup import search as searching
from secft.dataset.dedup import shards as sharding
from secft.dataset.dedup.compared import compared
from secft.dataset.dedup.disk import clusters_on_disk, read_clusters
from secft.dataset.dedup.shards import Shards, write_shard
from secft.dataset.dedup.sketch import sketch
from secft.errors import InputError
from secft.executor import InProcess, Workplace
from secft.records import Example

from .test_shards import Pool, varied


def found(path: Path) -> tuple[dict[str, str], dict[str, str]]:
    kept = read_clusters(path)
    return kept.left_out, kept.clusters


def near(texts: list[Text], settings: DedupConfig) -> tuple[dict[str, str], dict[str, str]]:
    kept = IMPLEMENTATIONS["fast"](texts, settings)
    return kept.left_out, kept.clusters


def test_disk_gives_what_memory_gives(tmp_path: Path) -> None:
    texts = varied(3000)
    expected = near(texts, DedupConfig())
    whole = clusters_on_disk(texts, DedupConfig(), tmp_path / "a", 700)
    assert found(whole) == expected
    assert len(expected[0]) > 300
    assert expected[1]
    shuffled = texts[:]
    random.Random(4).shuffle(shuffled)
    for workers, size in ((1, 250), (3, 700)):
        with Pool(workers) as pool:
            other = clusters_on_disk(iter(shuffled), DedupConfig(), tmp_path / f"b{workers}", size, pool)
        assert other.read_bytes() == whole.read_bytes()


def test_settings_do_not_mix_in_one_directory(tmp_path: Path) -> None:
    texts = varied(1000)
    for settings in (DedupConfig(), DedupConfig(threshold=0.5), DedupConfig(shingle_words=1), DedupConfig(seed=2)):
        assert found(clusters_on_disk(texts, settings, tmp_path, 300)) == near(texts, settings)


class _Killed(Exception):
    pass


class Dying:
    """Stops after some items, as a killed process would."""

    workers = 1

    def __init__(self, items: int) -> None:
        self.left = items

    def map(self, work: Callable[[Any], Any], items: Iterable[Any]) -> Iterator[Any]:
        for item in items:
            if self.left == 0:
                raise _Killed
            self.left -= 1
            yield work(item)


@pytest.mark.parametrize("items", [0, 3, 10, 12, 25])
def test_a_killed_run_goes_on(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, items: int) -> None:
    texts = varied(2000)
    expected = clusters_on_disk(texts, DedupConfig(), tmp_path / "whole", 200).read_bytes()
    made: list[int] = []
    bands: list[int] = []

    def counted(part: Any, settings: DedupConfig) -> Any:
        made.append(len(part))
        return sketch(part, settings)

    search_band = searching.search_band

    def followed(search: Any, band: int, *rest: Any) -> None:
        search_band(search, band, *rest)
        bands.append(band)

    monkeypatch.setattr(sharding, "sketch", counted)
    monkeypatch.setattr(searching, "search_band", followed)
    with pytest.raises(_Killed):
        clusters_on_disk(texts, DedupConfig(), tmp_path / "killed", 200, Dying(items))
    assert clusters_on_disk(texts, DedupConfig(), tmp_path / "killed", 200).read_bytes() == expected
    assert made == [200] * 10, "a finished shard was made again"
    assert bands == list(range(21)), "a finished band was searched again"
    assert clusters_on_disk(texts, DedupConfig(), tmp_path / "killed", 200).read_bytes() == expected
    assert (len(made), len(bands)) == (10, 21)
    assert not list((tmp_path / "killed").rglob(".*")), "something unfinished was left"


def test_store_reads_sets_in_any_order(tmp_path: Path) -> None:
    texts = varied(500)
    names = tuple(write_shard(tmp_path, DedupConfig(), texts[start : start + 90]) for start in range(0, 500, 90))
    store = Shards.open(tmp_path, names)
    made = sketch(texts, DedupConfig())
    starts = np.cumsum(made.sizes) - made.sizes
    rows = np.array([499, 3, 250, 0, 251, 3], dtype=np.int64)
    sets, places = store.sets(rows)
    for place, row in zip(places, rows, strict=True):
        mine = sets.values[sets.starts[place] : sets.starts[place] + sets.sizes[place]]
        assert np.array_equal(mine, made.shingles[starts[row] : starts[row] + made.sizes[row]])
    assert np.array_equal(store.band(3), made.bands[3])
    assert store.keys(rows) == [texts[row].key for row in rows]


def test_broken_and_repeated_input_is_told(tmp_path: Path) -> None:
    texts = varied(400)
    with pytest.raises(InputError, match="come twice"):
        clusters_on_disk([*texts[:200], *texts[:200]], DedupConfig(), tmp_path, 200)
    clusters_on_disk(texts, DedupConfig(), tmp_path, 200)
    for path in tmp_path.glob("shards/*/shingles.npy"):
        path.write_bytes(path.read_bytes()[:-9])
    with pytest.raises(InputError, match="made again"):
        clusters_on_disk(texts, DedupConfig(threshold=0.8001), tmp_path, 200)


def test_nothing_to_compare(tmp_path: Path) -> None:
    assert found(clusters_on_disk([], DedupConfig(), tmp_path, 10)) == ({}, {})


def test_many_examples_are_compared_on_disk_with_the_same_result(
    make_example: Callable[..., Example], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    words = [
        "alpha",
        "beta",
        "gamma",
        "delta",
        "epsilon",
        "zeta",
        "eta",
        "theta",
        "iota",
        "kappa",
        "lambda",
        "mu",
        "nu",
        "xi",
        "omicron",
        "pi",
        "rho",
        "sigma",
        "tau",
    ]
    texts = [" ".join(words[shift:] + words[:shift]) + f" {shift // 2}" for shift in range(len(words))]
    rows = [make_example(f"e:{number}", answer=f"{text} {copy}") for copy in "ab" for number, text in enumerate(texts)]
    rows = [replace(row, id=f"{row.id}:{place}") for place, row in enumerate(rows)]
    settings = DedupConfig(name="minhash", threshold=0.7, common_share=1)
    compared_texts = [compared(row, row.id) for row in rows]
    in_memory = dedup.near_duplicates(compared_texts, len(rows), settings).left_out
    assert in_memory
    monkeypatch.setattr(dedup, "IN_MEMORY", 5)
    place = Workplace(InProcess(), tmp_path / "shards", shard_size=7)
    assert dedup.near_duplicates(iter(compared_texts), len(rows), settings, place).left_out == in_memory
    assert any((tmp_path / "shards").iterdir())
