"""The mixture of the training split: groups of source x task x class, down-sampled by temperature.

A temperature T gives a group of n examples a weight of n^(1/T): 1 leaves the mixture as it is, larger values even it
out. Examples are only left out, never repeated, so a group has at most what it came with.

Source: Devlin's exponential smoothing for multilingual BERT, as temperature in Arivazhagan et al., Massively
Multilingual Neural Machine Translation in the Wild, 2019.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from statistics import median_low
from typing import Any

from secft.config.curation import BalanceConfig
from secft.dataset.split import balance_key, rank
from secft.records import Example

Group = tuple[str, str, str]
OVER = "over the share of its source, task and class"


def group_of(example: Example) -> Group:
    """Return source, task and class of an example; without choices there is one class."""
    return example.provenance.source, example.task, balance_key(example) if example.choices else ""


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


def over_share(examples: Iterable[Example], settings: BalanceConfig, seed: int) -> set[str]:
    """Return the ids of training examples beyond the share of their group, in seeded order.

    Args:
        examples: of the training split; their order does not matter.
        settings: temperature and target.
        seed: seed of the order in which examples go.
    """
    groups: dict[Group, list[str]] = defaultdict(list)
    for example in examples:
        groups[group_of(example)].append(example.id)
    share = quotas({group: len(ids) for group, ids in groups.items()}, settings.temperature, settings.target)
    over: set[str] = set()
    for group, ids in groups.items():
        over.update(sorted(ids, key=lambda name: (rank(seed, name), name))[share[group] :])
    return over


def mixture(before: Sequence[Example], after: Sequence[Example]) -> list[dict[str, Any]]:
    """Return the table of the mixture: source, task, class, and training examples before and after balancing."""
    first, last = Counter(map(group_of, before)), Counter(map(group_of, after))
    return [
        {"source": source, "task": task, "class": label, "before": first[source, task, label],
         "after": last[source, task, label]}
        for source, task, label in sorted(first)
    ]  # fmt: skip
