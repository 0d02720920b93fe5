from __future__ import annotations

import random

import pytest

from secft.errors import InputError
from secft.train.packing import pack_rows


def lengths(count: int, seed: int = 0) -> list[int]:
    generator = random.Random(seed)
    return [generator.randint(10, 512) for _ in range(count)]


def test_every_example_occurs_once_and_no_row_overflows() -> None:
    sizes = lengths(500)
    rows = pack_rows(sizes, 512, seed=1)
    assert sorted(index for row in rows for index in row) == list(range(500))
    assert all(sum(sizes[index] for index in row) <= 512 for row in rows)


def test_same_seed_same_rows_other_seed_other_rows() -> None:
    sizes = lengths(200)
    assert pack_rows(sizes, 512, seed=1) == pack_rows(sizes, 512, seed=1)
    assert pack_rows(sizes, 512, seed=1) != pack_rows(sizes, 512, seed=2)


def test_rows_are_nearly_full() -> None:
    sizes = [min(size, 300) for size in lengths(1000)]
    rows = pack_rows(sizes, 1024, seed=0)
    assert sum(sizes) / (1024 * len(rows)) > 0.97


def test_best_fit_takes_the_fullest_row() -> None:
    assert sorted(map(sorted, pack_rows([6, 5, 4, 3], 9, seed=0))) == [[0, 3], [1, 2]]


@pytest.mark.parametrize("bad", [[0], [513]])
def test_lengths_that_do_not_fit_are_refused(bad: list[int]) -> None:
    with pytest.raises(InputError):
        pack_rows(bad, 512, seed=0)
