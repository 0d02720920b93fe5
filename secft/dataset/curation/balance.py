"""The mixture of the training split: groups of source x task x class, down-sampled by temperature.

A temperature T gives a group of n examples a weight of n^(1/T): 1 leaves the mixture as it is, larger values even it
out. Examples are only left out, never repeated, so a group has at most what it came with.

Source: Devlin's exponential smoothing for multilingual BERT, as temperature in Arivazhagan et al., Massively
Multilingual Neural Machine Translation in the Wild, 2019.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from statistics import median_low
from typing import Any

import numpy as np
from numpy.typing import NDArray

from secft.config.schemas.curation import BalanceConfig
from secft.dataset.split import Ranks, places_in_groups
from secft.reasons import Reason

Group = tuple[str, str, str]
OVER = Reason("balance.share")
ADDED = "secft"
"""Source of the examples that secft adds itself."""
TURNS = {"assist": 4}
"""Task of theirs -> examples in each turn, where it is not one."""


def quotas(sizes: Mapping[Group, int], temperature: float, target: int | None) -> dict[Group, int]:
    """Return how many examples of each group stay.

    A group keeps min(n, c n^(1/T)), rounded down, at least one. With a target, c is the largest factor that keeps at
    most so many; without, c leaves the group of median size whole, so only larger ones shrink.

    Args:
        sizes: group -> examples.
        temperature: T, at least 1.
        target: examples to keep in all, or None.
    """
    if not sizes or (target is None and temperature <= 1):
        return dict(sizes)

    def kept(factor: float) -> dict[Group, int]:
        return {group: max(1, min(n, int(factor * n ** (1 / temperature) + 1e-9))) for group, n in sizes.items()}

    if target is None:
        return kept(median_low(sorted(sizes.values())) ** (1 - 1 / temperature))
    low, high = 0.0, float(max(sizes.values()))
    if sum(sizes.values()) <= target:
        return kept(high)
    for _ in range(60):
        middle = (low + high) / 2
        low, high = (middle, high) if sum(kept(middle).values()) <= target else (low, middle)
    return kept(low)


def over_share(
    groups: NDArray[np.integer[Any]], names: Sequence[Group], ranks: Ranks, settings: BalanceConfig
) -> NDArray[np.bool_]:
    """Mark the training examples beyond the share of their group, in the order of their ranks.

    Args:
        groups: shape (n,), index of each example's group.
        names: groups; without choices a group has one class, an empty text.
        ranks: shape (n,), rank of each example.
        settings: temperature and target.
    """
    numbers, counts = np.unique(groups, return_counts=True)
    sizes = {names[number]: int(count) for number, count in zip(numbers.tolist(), counts.tolist(), strict=True)}
    share = quotas(sizes, settings.temperature, settings.target)
    limits = np.zeros(len(names), np.int64)
    limits[numbers] = [share[names[number]] for number in numbers.tolist()]
    marked: NDArray[np.bool_] = places_in_groups(groups, ranks) >= limits[groups]
    return marked


def over_added(
    groups: NDArray[np.integer[Any]], names: Sequence[Group], ranks: Ranks, settings: BalanceConfig
) -> NDArray[np.bool_]:
    """Mark the examples that secft adds itself beyond their share of all.

    Their tasks take turns, so that a few hundred examples still teach each of them; harmless requests have four turns
    for each refusal, or a model would refuse those, too.

    Args:
        groups: shape (n,), index of each training example's group.
        names: groups.
        ranks: shape (n,), rank of each example.
        settings: the share, ``added_share``.
    """
    own = np.flatnonzero(np.array([source == ADDED for source, _, _ in names], bool)[groups])
    most = int(settings.added_share / (1 - settings.added_share) * (groups.size - own.size) + 1e-9)
    turns = np.array([TURNS.get(task, 1) for _, task, _ in names])[groups[own]]
    places = places_in_groups(groups[own], ranks[own]) // turns
    marked = np.zeros(groups.size, bool)
    marked[own[np.lexsort((ranks[own], places))[most:]]] = True
    return marked


def mixture(
    before: NDArray[np.integer[Any]], after: NDArray[np.integer[Any]], names: Sequence[Group]
) -> list[dict[str, Any]]:
    """Return the table of the mixture: source, task, class, and training examples before and after balancing.

    Args:
        before: shape (n,), index of each example's group.
        after: the same for the examples that are left.
        names: groups.
    """
    first, last = (np.bincount(groups, minlength=len(names)).tolist() for groups in (before, after))
    found = sorted((name, number) for number, name in enumerate(names) if first[number])
    return [
        {"source": source, "task": task, "class": label, "before": first[number], "after": last[number]}
        for (source, task, label), number in found
    ]
