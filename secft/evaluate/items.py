"""What is asked: a seeded choice of the items of each task."""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from secft.documents.dataset_manifest import read_dataset_manifest
from secft.errors import InputError
from secft.evaluate.held_out import HeldOut
from secft.evaluate.item import Item, from_example
from secft.evaluate.task import OwnSet
from secft.evaluate.tasks import TASKS
from secft.files import read_jsonl
from secft.records import is_bad


def seeded_sample(items: Iterable[Item], most: int | None, seed: int) -> list[Item]:
    """Return at most so many items, the same ones whatever order they come in; groups stay whole.

    Items are ranked by a hash of seed and id; the sample of a smaller ``most`` is a part of a larger one's.
    """
    groups: dict[str, list[Item]] = {}
    for item in items:
        groups.setdefault(item.group or item.id, []).append(item)
    ranked = sorted(groups, key=lambda name: hashlib.sha256(f"{seed}:{name}".encode()).hexdigest())
    chosen: list[Item] = []
    for name in ranked:
        if most is not None and len(chosen) + len(groups[name]) > most:
            break
        chosen += groups[name]
    return chosen


def usual_system_message(rows: Sequence[Mapping[str, Any]]) -> str:
    """Return the system message that most held-out examples have, or an empty string."""
    counts = Counter(row.get("system", "") for row in rows)
    return counts.most_common(1)[0][0] if counts else ""


def read_test_split(dataset_dir: Path) -> list[dict[str, Any]]:
    """Read the held-out examples of a frozen dataset; a bad answer without a better one measures nothing.

    Raises:
        InputError: there is no test split.
    """
    path = dataset_dir / "test.jsonl"
    if not path.is_file():
        raise InputError(f"{path}: no such file. A dataset for evaluation needs a test split.")
    return [row for row in read_jsonl(path) if not is_bad(row)]


def build_items(
    names: Sequence[str], rows: Sequence[Mapping[str, Any]], most: Mapping[str, int], seed: int
) -> dict[str, list[Item]]:
    """Choose the items of every task.

    Args:
        names: of tasks.
        rows: held-out examples as Example.record() wrote them.
        most: task -> largest number of items, where it is not the task's own.
        seed: seed of the samples.

    Returns:
        Task -> items; a task for which the dataset has no examples gets an empty list.
    """
    system, held = usual_system_message(rows), HeldOut(rows)
    return {
        name: seeded_sample(TASKS[name].source.items(held, system), most.get(name, TASKS[name].most), seed)
        for name in names
    }


def own_sets() -> dict[str, list[Item]]:
    """Return the items of every task whose questions ship with secft and never depend on the dataset."""
    nothing = HeldOut(())
    return {name: task.source.items(nothing, "") for name, task in TASKS.items() if isinstance(task.source, OwnSet)}


def taught(items: Iterable[Item], counts: Mapping[str, Mapping[str, int]]) -> int:
    """Return how many training examples are of the kinds of some items.

    Args:
        items: of one task.
        counts: kind of example -> split -> examples, as the manifest of a dataset tells them.
    """
    return sum(counts.get(kind, {}).get("train", 0) for kind in {item.kind for item in items})


def counts_of(dataset_dir: Path) -> Mapping[str, Mapping[str, int]] | None:
    """Return kind of example -> split -> examples of a frozen dataset; None of rows that were never frozen."""
    frozen = (dataset_dir / "manifest.json").is_file()
    return read_dataset_manifest(dataset_dir).counts if frozen else None


def sample_questions(rows: Sequence[Mapping[str, Any]], count: int, seed: int) -> list[tuple[str, Item]]:
    """Choose held-out questions of all kinds in turn, to be answered freely for the report.

    Returns:
        (kind of example, item) pairs.
    """
    kinds: dict[str, list[Item]] = {}
    for row in rows:
        kinds.setdefault(row["task"], []).append(from_example(row))
    queues = {kind: seeded_sample(items, count, seed) for kind, items in sorted(kinds.items())}
    turns = [(kind, items[turn]) for turn in range(count) for kind, items in queues.items() if turn < len(items)]
    return turns[:count]
