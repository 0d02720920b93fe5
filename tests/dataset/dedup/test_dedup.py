from __future__ import annotations

import itertools
import random

import numpy as np
import pytest

from secft.config.schemas.dedup import DedupConfig
from secft.dataset.dedup import (
    bands_and_rows,
    clusters,
    compared_group,
    compared_text,
    exact_duplicates,
    jaccard,
    near_duplicate_pairs,
    near_duplicates,
    parameters,
    shingles,
)
from secft.dataset.dedup.compared import compared
from secft.records import Example

from ..conftest import MakeExample


def config(threshold: float = 0.8) -> DedupConfig:
    return DedupConfig(name="minhash", threshold=threshold)


@pytest.mark.parametrize("threshold", [0.5, 0.65, 0.8])
def test_lsh_finds_what_brute_force_finds(examples: list[Example], threshold: float) -> None:
    rows = [example for example in examples if example.task == "mitigate"][:450]
    sets = {example.id: shingles(compared_text(example), 3) for example in rows}
    every = {
        (min(left, right), max(left, right))
        for left, right in itertools.combinations(sets, 2)
        if jaccard(sets[left], sets[right]) >= threshold
    }
    found = near_duplicate_pairs(sets, config(threshold))
    assert len(every) > 5
    assert found <= every
    # Each band setting misses at most one pair in a hundred at the threshold, and fewer above it.
    assert len(every - found) <= max(1, 0.01 * len(every))


def test_result_does_not_depend_on_the_order(examples: list[Example]) -> None:
    rows = [example for example in examples if example.task in ("mitigate", "classify")][:600]
    expected = near(rows)
    shuffled = rows[:]
    random.Random(3).shuffle(shuffled)
    assert near(shuffled) == expected


def test_lowest_id_of_a_cluster_stays(make_example: MakeExample) -> None:
    assert clusters(["x:9", "x:10", "x:80", "y"], [("x:10", "x:80"), ("x:9", "x:80")]) == {
        "x:9": "x:9",
        "x:10": "x:9",
        "x:80": "x:9",
        "y": "y",
    }


def test_the_first_of_equal_texts_stays() -> None:
    digests = np.array([[1, 2], [3, 4], [1, 2], [1, 5], [3, 4], [1, 2]], np.uint64)
    assert exact_duplicates(digests) == {2: 0, 5: 0, 4: 1}
    assert exact_duplicates(digests[:0]) == {}


def near(examples: list[Example]) -> dict[str, str]:
    """Return id -> id of the kept example."""
    return near_duplicates([compared(example, example.id) for example in examples], len(examples), config()).left_out


def test_different_answers_are_no_duplicates(make_example: MakeExample) -> None:
    text = "which tactic is served by a technique that " + "does the same thing again and again " * 5
    yes = make_example("a", text, "x", "tactic", choices=("x", "y"), right=0)
    no = make_example("b", text, "y", "tactic", choices=("x", "y"), right=1)
    again = make_example("c", text, "x", "tactic", choices=("x", "y"), right=0)
    assert near([yes, no, again]) == {"c": "a"}
    other = make_example("d", text, "x", "explain")
    assert compared_group(other) != compared_group(yes)
    first = make_example("e", answer="B. x", choices=("A. y", "B. x"), right=1)
    second = make_example("f", answer="A. x", choices=("A. x", "B. y"), right=0)
    assert compared_group(first) == compared_group(second)


def test_distinct_entities_are_kept(examples: list[Example]) -> None:
    lost = near(examples)
    tasks = {example.id: example.task for example in examples}
    entities = {example.id: example.entity for example in examples}
    assert sum(tasks[name] in ("tactic", "multiple_choice") for name in lost) == 0
    assert sum(tasks[name] == "consequence" for name in lost) < 12
    assert len({entities[name] for name in lost}) < 0.15 * len(set(entities.values()))


def test_bands_keep_the_promise() -> None:
    for threshold in (0.3, 0.5, 0.8, 0.95):
        bands, rows = bands_and_rows(threshold, 128)
        assert bands * rows <= 128
        assert (1 - threshold**rows) ** bands <= 0.01
    assert parameters(config())["scheme"] == "affine32"
    assert {"seed", "permutations", "bands", "rows", "shingle"} <= set(parameters(config()))


def test_shingles_of_short_texts() -> None:
    assert shingles("one two", 3) == {"one two"}
    assert shingles("a b c d", 3) == {"a b c", "b c d"}
    assert jaccard(frozenset("ab"), frozenset("bc")) == pytest.approx(1 / 3)
