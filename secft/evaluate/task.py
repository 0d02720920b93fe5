"""What an evaluation task is: all about one of them stands in one record, in one file of secft/evaluate/tasks."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from importlib.resources import files
from typing import Literal, Protocol

from secft.documents.document import Words
from secft.documents.results import Role, TaskResult
from secft.evaluate.held_out import HeldOut
from secft.evaluate.item import Item
from secft.evaluate.metrics import Bootstrap, Metric, Row, families_of
from secft.evaluate.requests import AnswerForm
from secft.records import Message


class ItemSource(Protocol):
    """Where the items of a task come from."""

    @property
    def from_dataset(self) -> bool:
        """Whether the items are held-out examples of the dataset."""

    def items(self, held: HeldOut, system: str) -> list[Item]:
        """Return all items.

        Args:
            held: what the dataset holds out.
            system: the system message that the candidate was trained with, or an empty string.
        """


@dataclass(frozen=True)
class OwnSet:
    """Questions that ship with secft.

    Attributes:
        file: name of a JSONL file in secft/evaluate/data: ``id``, ``question``, and ``choices`` with ``answer``.
    """

    file: str
    from_dataset: bool = False

    def items(self, held: HeldOut, system: str) -> list[Item]:
        """Return every question; each stands alone."""
        text = (files("secft.evaluate") / "data" / self.file).read_text(encoding="utf-8")
        head = [Message(role="system", content=system)] if system else []
        items = []
        for row in map(json.loads, text.splitlines()):
            messages = (*head, Message(role="user", content=row["question"]))
            choices, answer = tuple(row.get("choices", ())), row.get("answer", -1)
            items.append(Item(row["id"], row["id"], row["id"], messages, choices, answer))
        return items


@dataclass(frozen=True)
class Task:
    """One task of the evaluation.

    Attributes:
        name: in the configuration and in results.json; the name of its file.
        title: in the languages of reports.
        role: a skill that is to improve, one that must be kept, or behaviour that may not get worse.
        source: where its items come from, with the kinds of examples that it measures.
        request: how a model is asked, and what of its reply is kept.
        metrics: what it is measured by; the first one decides gates.
        most: items that are asked unless ``eval.max_items`` says otherwise; None is all.
        chosen: when ``gates.target_tasks=auto`` makes it a target: before others, where there is no other, or never.
    """

    name: str
    title: Words
    role: Role
    source: ItemSource
    request: AnswerForm
    metrics: tuple[Metric, ...]
    most: int | None = None
    chosen: Literal["first", "last", "never"] = "first"

    def compare(
        self, rows: Sequence[Row], how: Bootstrap, items_digest: str = "", taught: int | None = None
    ) -> TaskResult:
        """Compare both models on this task.

        Args:
            rows: lines of ``eval/<name>.jsonl``.
            how: level of the intervals, resamples, seed.
            items_digest: SHA-256 of what was asked.
            taught: training examples of the same kinds.
        """
        return TaskResult(
            items=len(rows),
            clusters=len(set(families_of(rows))),
            metrics={metric.name: metric.measure(rows, how) for metric in self.metrics},
            primary=self.metrics[0].name,
            title=self.title,
            role=self.role,
            chance=self.request.chance(rows),
            majority=self.request.majority(rows),
            items_digest=items_digest,
            taught=taught,
        )
