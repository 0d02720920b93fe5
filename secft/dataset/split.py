"""Divide entities among train, validation and test, and cap tasks; both seeded and stable."""

from __future__ import annotations

import hashlib
from collections import defaultdict
from collections.abc import Iterable, Sequence

from secft.config.curation import SplitConfig
from secft.records import Example

SPLITS = ("train", "validation", "test")


def rank(seed: int, name: str) -> float:
    """Return a number in [0, 1) that depends on a seed and a name only."""
    return int.from_bytes(hashlib.sha256(f"{seed}\x1f{name}".encode()).digest()[:8], "big") / 2**64


def assign(entities: Iterable[str], settings: SplitConfig, seed: int) -> dict[str, str]:
    """Return entity -> split.

    Each entity falls by its own rank, so new entities do not move old ones. The exception are datasets so small that
    a split that should have entities gets none: it takes the nearest one of train, as long as train keeps one.

    Args:
        entities: names; repetitions do not matter.
        settings: fractions of test and validation.
        seed: seed of the ranks.
    """
    ranks = {entity: rank(seed, entity) for entity in entities}
    ordered = sorted(ranks, key=lambda entity: (ranks[entity], entity))
    bounds = (settings.test_fraction, settings.test_fraction + settings.validation_fraction)
    result = {
        entity: "test" if ranks[entity] < bounds[0] else "validation" if ranks[entity] < bounds[1] else "train"
        for entity in ordered
    }
    wanted = [("test", settings.test_fraction), ("validation", settings.validation_fraction)]
    for split, fraction in wanted:
        spare = [entity for entity in ordered if result[entity] == "train"]
        if fraction > 0 and split not in result.values() and len(spare) > 1:
            result[spare[0]] = split
    return result


def only_first_phrasings(examples: Sequence[Example]) -> dict[str, str]:
    """Find held-out choices that repeat another one about the same entity in other words.

    Items that are measured must be independent of each other, or intervals come out too narrow.

    Returns:
        Id -> reason.
    """
    seen: set[tuple[str, str]] = set()
    found: dict[str, str] = {}
    for example in examples:
        key = (example.task, example.entity)
        if example.choices and key in seen:
            found[example.id] = "another phrasing of a held-out choice"
        seen.add(key)
    return found


def _label(example: Example) -> str:
    return example.choices[example.answer] if example.choices else example.id.rsplit(":", 1)[-1]


def balance_key(example: Example) -> str:
    """Return what a cap keeps in balance: the right choice, or for lettered options its letter; else the variant."""
    label = _label(example)
    return label[:1] if label[1:3] == ". " else label


def over_caps(examples: Sequence[Example], caps: dict[str, int], seed: int) -> set[str]:
    """Return the ids of examples beyond the cap of their task.

    A cap takes one example of each label in turn (the right choice, or the variant of a task without choices), each
    label in seeded order, until it is full; so rare labels lose least.
    """
    groups: dict[str, dict[str, list[str]]] = defaultdict(lambda: defaultdict(list))
    for example in examples:
        if example.task in caps:
            groups[example.task][balance_key(example)].append(example.id)
    over: set[str] = set()
    for task, by_label in groups.items():
        queue = [
            (turn, rank(seed, identifier), identifier)
            for ids in by_label.values()
            for turn, identifier in enumerate(sorted(ids, key=lambda name: (rank(seed, name), name)))
        ]
        over.update(identifier for _, _, identifier in sorted(queue)[caps[task] :])
    return over
