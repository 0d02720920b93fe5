from __future__ import annotations

import random
from collections import Counter
from typing import Any

import numpy as np
import pytest

from secft.config.schemas.curation import BalanceConfig
from secft.dataset.curation.balance import Group, mixture, over_added, over_share, quotas
from secft.dataset.split import balance_key, rank
from secft.records import Example

from ..conftest import MakeExample


def group_of(example: Example) -> Group:
    return example.provenance.source, example.task, balance_key(example) if example.choices else ""


def over(examples: list[Example], settings: BalanceConfig, seed: int) -> set[str]:
    """Return the ids of examples beyond their share."""
    names = sorted(set(map(group_of, examples)))
    groups = np.array([names.index(group_of(example)) for example in examples])
    marked = over_share(groups, names, np.array([rank(seed, example.id) for example in examples]), settings)
    return {example.id for example, gone in zip(examples, marked, strict=True) if gone}


def table_of(before: list[Example], after: list[Example]) -> list[dict[str, Any]]:
    names = [*sorted(set(map(group_of, before))), ("no", "such", "group")]
    return mixture(*(np.array([names.index(group_of(row)) for row in rows]) for rows in (before, after)), names)


SIZES = {("cwe", "a", ""): 1000, ("cwe", "b", ""): 100, ("attack", "a", ""): 10}


def test_temperature_one_changes_nothing() -> None:
    assert quotas(SIZES, 1, None) == SIZES
    assert quotas(SIZES, 1, 5000) == SIZES
    assert quotas({}, 3, 10) == {}


def test_the_median_group_stays_whole() -> None:
    assert list(quotas(SIZES, 2, None).values()) == [316, 100, 10]
    assert max(quotas(SIZES, 100, None).values()) < 110


def test_a_target_is_kept() -> None:
    for target in (30, 111, 500, 1000):
        for temperature in (1.0, 2.0, 5.0):
            kept = quotas(SIZES, temperature, target)
            assert target - 3 <= sum(kept.values()) <= target
            assert all(1 <= kept[group] <= SIZES[group] for group in SIZES)
    assert list(quotas(SIZES, 1, 111).values()) == [100, 10, 1], "temperature 1 keeps the proportions"
    even = quotas(SIZES, 5, 111)
    assert even["attack", "a", ""] == 10, "the smallest group stays whole before the largest grows"


def test_over_share_is_seeded_and_knows_no_order(make_example: MakeExample) -> None:
    examples = [make_example(f"a:{number}", task="explain") for number in range(90)]
    examples += [make_example(f"b:{number}", task="detect") for number in range(10)]
    examples += [make_example(f"c:{number}", "Q", "x", choices=("x", "y"), right=0) for number in range(30)]
    settings = BalanceConfig(temperature=3.0, target=60)
    gone = over(examples, settings, 7)
    shuffled = examples[:]
    random.Random(2).shuffle(shuffled)
    assert over(shuffled, settings, 7) == gone
    assert over(examples, settings, 8) != gone
    kept = [row for row in examples if row.id not in gone]
    assert 57 <= len(kept) <= 60
    table = table_of(examples, kept)
    assert sum(row["before"] for row in table) == 130
    assert sum(row["after"] for row in table) == len(kept)
    assert [row["class"] for row in table] == ["", "", "x"]


@pytest.mark.parametrize(("share", "kept"), [(0.25, 33), (0.0, 0), (0.5, 100), (0.9, 120)])
def test_what_secft_adds_has_a_bounded_share(share: float, kept: int) -> None:
    names: list[Group] = [("jsonl", "chat", ""), ("secft", "assist", ""), ("secft", "refuse", "")]
    groups = np.array([0] * 100 + [1] * 100 + [2] * 20)
    ranks = np.array([rank(7, str(number)) for number in range(220)])
    left = groups[~over_added(groups, names, ranks, BalanceConfig(added_share=share))]
    counts = np.bincount(left, minlength=3).tolist()
    assert counts[0] == 100, "a team's own rows stay"
    assert counts[1] + counts[2] == kept
    assert counts[2] == pytest.approx(min(kept / 5, 20), abs=1), "one refusal for four harmless requests"


def test_classes_of_the_default_examples(examples: list[Example]) -> None:
    tactics = [row for row in examples if row.task == "tactic" and row.choices]
    before = Counter(map(group_of, tactics))
    assert len(before) == 14
    gone = over(tactics, BalanceConfig(temperature=4.0), 7)
    after = Counter(group_of(row) for row in tactics if row.id not in gone)
    assert max(after.values()) / min(after.values()) < max(before.values()) / min(before.values()) / 1.5
