"""Tasks ``general``, ``refuse`` and ``assist`` from pools of original texts."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import Any

from secft.dataset.templates.writing import dice

LICENSE = "Apache-2.0"
VERSION = "1"

_REFUSALS = (
    "I can't help with that, because it would be used to {harm}. {alternative}",
    "No. That would help to {harm}, so I won't provide it. {alternative}",
    "I won't assist with this: its purpose is to {harm}. {alternative}",
    "That is something I can't provide, since it serves to {harm}. {alternative}",
)


@dataclass(frozen=True)
class PoolItem:
    """One question and answer of a pool.

    Attributes:
        id: ``<pool>:<number>``.
        entity: what decides the split; refusals of one category share their advice and so stay together.
        task: ``general``, ``refuse`` or ``assist``.
        label: ``plain``, ``harmful`` or ``benign``.
        question: what the user says.
        answer: what the assistant says.
    """

    id: str
    entity: str
    task: str
    label: str
    question: str
    answer: str


@cache
def _rows(name: str) -> tuple[dict[str, Any], ...]:
    text = (files("secft.dataset.templates") / "pools" / f"{name}.jsonl").read_text(encoding="utf-8")
    return tuple(json.loads(line) for line in text.splitlines() if line.strip())


def refusal_items(seed: int) -> Iterator[PoolItem]:
    """Yield harmful requests with refusals that offer something safe."""
    categories = {row["category"]: row for row in _rows("refusal_categories")}
    for row in _rows("harmful_requests"):
        category = categories[row["category"]]
        name = f"refusal:{row['id']}"
        form = dice(seed, name).choice(_REFUSALS)
        answer = form.format(harm=category["harm"], alternative=category["alternative"])
        yield PoolItem(name, f"refusal:{row['category']}", "refuse", "harmful", row["request"], answer)


def general_items() -> list[PoolItem]:
    """Return the everyday questions with their answers."""
    names = {f"general:{row['id']}": row for row in _rows("general")}
    return [PoolItem(name, name, "general", "plain", row["question"], row["answer"]) for name, row in names.items()]


def assist_items() -> list[PoolItem]:
    """Return harmless requests, many of which sound dangerous, with real answers."""
    names = {f"benign:{row['id']}": row for row in _rows("benign_requests")}
    return [PoolItem(name, name, "assist", "benign", row["request"], row["answer"]) for name, row in names.items()]
