"""Divide entities among train, validation and test, and cap tasks; both seeded and stable."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from secft.config.schemas.curation import SplitConfig
from secft.dataset.dedup.forest import Forest
from secft.dataset.dedup.words import Hashes, Rows
from secft.records import Example

SPLITS = ("train", "validation", "test")
TRAIN, VALIDATION, TEST = range(len(SPLITS))

Ranks = NDArray[np.float64]

RULES: Mapping[str, Callable[[Example], str]] = {
    "entity": lambda example: example.entity,
    "family": lambda example: example.family,
}
"""Value of ``curation.split.by`` -> what an example belongs to; what belongs together falls into one split."""


def rank(seed: int, name: str) -> float:
    """Return a number in [0, 1) that depends on a seed and a name only."""
    return int.from_bytes(hashlib.sha256(f"{seed}\x1f{name}".encode()).digest()[:8], "big") / 2**64


def assign(ranks: Ranks, settings: SplitConfig) -> NDArray[np.int8]:
    """Return the split of each example, an index into SPLITS.

    Each entity falls by its own rank, so new entities do not move old ones. The exception are datasets so small that
    a split that should have entities gets none: it takes the nearest one of train, as long as train keeps one.

    Of more than ``settings.most`` examples, a held-out split keeps the entities of the lowest ranks: more items would
    tell no more, and what is not needed to measure is trained on.

    Args:
        ranks: shape (n,), rank of each example's entity; examples of an entity have the same one.
        settings: fractions of test and validation, and their largest size.
    """
    entities, of, sizes = np.unique(ranks, return_inverse=True, return_counts=True)
    bounds = (settings.test_fraction, settings.test_fraction + settings.validation_fraction)
    splits = np.full(entities.size, TRAIN, np.int8)
    splits[entities < bounds[1]] = VALIDATION
    splits[entities < bounds[0]] = TEST
    for split in (TEST, VALIDATION):
        members = np.flatnonzero(splits == split)
        splits[members[np.cumsum(sizes[members]) > settings.most]] = TRAIN
    for split, fraction in ((TEST, settings.test_fraction), (VALIDATION, settings.validation_fraction)):
        spare = np.flatnonzero(splits == TRAIN)
        if fraction > 0 and split not in splits and spare.size > 1:
            splits[spare[0]] = split
    result: NDArray[np.int8] = splits[of]
    return result


def is_held_out(entity: str, family: str, settings: SplitConfig, seed: int) -> bool:
    """Tell whether examples of an entity would fall into the test or the validation split by its rank.

    Clusters of like texts, and bounds of sizes, may move an entity afterwards.

    Args:
        entity: what examples are about.
        family: its parent, or itself.
        settings: fractions, and what stays together.
        seed: of the run.
    """
    return (
        rank(seed, family if settings.by == "family" else entity)
        < settings.test_fraction + settings.validation_fraction
    )


def joined_ranks(ranks: Ranks, together: Rows) -> Ranks:
    """Give entities that share a cluster of like texts the same rank, so that they fall into one split.

    Args:
        ranks: shape (n,), rank of each example's entity.
        together: shape (n,), cluster of each example.
    """
    entities, of = np.unique(ranks, return_inverse=True)
    forest = Forest(entities.size)
    order = np.argsort(together, kind="stable")
    same = together[order[1:]] == together[order[:-1]]
    forest.join(of[order[1:]][same], of[order[:-1]][same])
    result: Ranks = entities[forest.all_roots()[of]]
    return result


def only_first_phrasings(rows: Rows, subjects: Hashes, choices: NDArray[np.bool_]) -> Rows:
    """Find held-out choices that repeat another one about the same entity in other words.

    Items that are measured must be independent of each other, or intervals come out too narrow.

    Args:
        rows: shape (n,), held-out rows, ascending.
        subjects: shape (n,), hash of task and entity.
        choices: shape (n,), which are choices.

    Returns:
        The rows that repeat an earlier one.
    """
    order = np.argsort(subjects, kind="stable")
    later = np.zeros(rows.size, bool)
    later[order[1:]] = subjects[order[1:]] == subjects[order[:-1]]
    return rows[later & choices]


def balance_key(example: Example) -> str:
    """Return what a cap keeps in balance: the right choice, or for lettered options its letter; else the variant."""
    label = example.choices[example.answer] if example.choices else example.id.rsplit(":", 1)[-1]
    return label[:1] if label[1:3] == ". " else label


def places_in_groups(groups: NDArray[np.integer[Any]], ranks: Ranks) -> Rows:
    """Return how many members of the same group have a lower rank, shape (n,)."""
    order = np.lexsort((ranks, groups))
    ordered = groups[order]
    starts = np.flatnonzero(np.concatenate([[True], ordered[1:] != ordered[:-1]])) if order.size else order
    sizes = np.diff(starts, append=order.size)
    places = np.empty(order.size, np.int64)
    places[order] = np.arange(order.size) - np.repeat(starts, sizes)
    return places


def over_cap(labels: NDArray[np.integer[Any]], ranks: Ranks, cap: int) -> NDArray[np.bool_]:
    """Mark the examples of one task that are beyond its cap.

    A cap takes one example of each label in turn (the right choice, or the variant of a task without choices), each
    label in seeded order, until it is full; so rare labels lose least.

    Args:
        labels: shape (n,), number of the label of each example.
        ranks: shape (n,), rank of each example.
        cap: how many stay.
    """
    over = np.zeros(labels.size, bool)
    over[np.lexsort((ranks, places_in_groups(labels, ranks)))[cap:]] = True
    return over
