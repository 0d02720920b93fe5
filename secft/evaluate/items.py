"""What is asked: items of each task, from the held-out split of the dataset or from secft's own sets."""

from __future__ import annotations

import hashlib
import json
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path
from typing import Any

from secft.errors import InputError
from secft.files import read_jsonl
from secft.records import Message

FROM_DATASET: Mapping[str, frozenset[str]] = {
    "answer_perplexity": frozenset({"explain", "mitigate", "detect", "classify"}),
    "technique_to_tactic": frozenset({"tactic"}),
    "weakness_to_consequence": frozenset({"consequence"}),
    "security_mcq": frozenset({"multiple_choice"}),
}
"""Task -> kinds of held-out examples that it asks."""

OWN_SETS = ("general_knowledge", "refusal", "over_refusal")
"""Tasks whose items ship with secft and never depend on the dataset."""


@dataclass(frozen=True)
class Item:
    """One question with what counts as right.

    Attributes:
        id: unique within its task.
        entity: what it is about.
        family: items of one family are resampled together.
        messages: the conversation up to the answer.
        choices: candidate answers where there is a choice.
        answer: index of the right choice, or -1.
        reference: the held-out answer, or an empty string.
    """

    id: str
    entity: str
    family: str
    messages: tuple[Message, ...]
    choices: tuple[str, ...] = ()
    answer: int = -1
    reference: str = ""


def seeded_sample(items: Iterable[Item], most: int | None, seed: int) -> list[Item]:
    """Return at most so many items, the same ones whatever order they come in.

    Items are ranked by a hash of seed and id; the sample of a smaller ``most`` is a part of a larger one's.
    """
    ranked = sorted(items, key=lambda item: hashlib.sha256(f"{seed}:{item.id}".encode()).hexdigest())
    return ranked if most is None else ranked[:most]


def from_example(row: Mapping[str, Any]) -> Item:
    """Turn a held-out example into an item: the last message is the answer."""
    messages = tuple(Message(role=turn["role"], content=turn["content"]) for turn in row["messages"])
    return Item(
        id=row["id"],
        entity=row["entity"],
        family=row["family"],
        messages=messages[:-1],
        choices=tuple(row["choices"]),
        answer=row["answer"],
        reference=messages[-1]["content"],
    )


def own_set(task: str, system: str) -> list[Item]:
    """Read one of secft's own sets of questions.

    Args:
        task: one of OWN_SETS.
        system: the system message that the candidate was trained with, or an empty string.
    """
    text = (files("secft.evaluate") / "data" / f"{task}.jsonl").read_text(encoding="utf-8")
    head = [Message(role="system", content=system)] if system else []
    items = []
    for row in map(json.loads, text.splitlines()):
        messages = (*head, Message(role="user", content=row["question"]))
        choices, answer = tuple(row.get("choices", ())), row.get("answer", -1)
        items.append(Item(row["id"], row["id"], row["id"], messages, choices, answer))
    return items


def usual_system_message(rows: Sequence[Mapping[str, Any]]) -> str:
    """Return the system message that most held-out examples have, or an empty string."""
    counts = Counter(row.get("system", "") for row in rows)
    return counts.most_common(1)[0][0] if counts else ""


def read_test_split(dataset_dir: Path) -> list[dict[str, Any]]:
    """Read the held-out examples of a frozen dataset.

    Raises:
        InputError: there is no test split.
    """
    path = dataset_dir / "test.jsonl"
    if not path.is_file():
        raise InputError(f"{path}: no such file. A dataset for evaluation needs a test split.")
    return list(read_jsonl(path))


def build_items(
    tasks: Sequence[str], rows: Sequence[Mapping[str, Any]], most: Mapping[str, int], seed: int
) -> dict[str, list[Item]]:
    """Choose the items of every task.

    Args:
        tasks: names of tasks, each in FROM_DATASET or OWN_SETS.
        rows: held-out examples as Example.record() wrote them.
        most: task -> largest number of items.
        seed: seed of the samples.

    Returns:
        Task -> items; a task for which the dataset has no examples gets an empty list.
    """
    system = usual_system_message(rows)
    chosen = {}
    for task in tasks:
        items = own_set(task, system) if task in OWN_SETS else [from_example(row) for row in rows if _asks(task, row)]
        chosen[task] = seeded_sample(items, most.get(task), seed)
    return chosen


def unasked(tasks: Iterable[str], rows: Iterable[Mapping[str, Any]]) -> list[str]:
    """Return the tasks for which held-out examples hold no item; rows are read as far as is needed to tell."""
    missing = [task for task in tasks if task not in OWN_SETS]
    for row in rows:
        if not missing:
            break
        missing = [task for task in missing if not _asks(task, row)]
    return missing


def _asks(task: str, row: Mapping[str, Any]) -> bool:
    return row.get("task") in FROM_DATASET[task] and (task == "answer_perplexity" or bool(row.get("choices")))


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
