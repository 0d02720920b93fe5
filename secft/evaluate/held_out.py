"""What a dataset holds out, and which of it a task asks: by the form of an example, and by its kind.

Nothing here depends on where the data came from: a team's own tickets, chats and findings are measured like the
catalogues that secft reads itself.
"""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any, Literal

from secft.evaluate.item import Item, from_example

Form = Literal["behaviour", "tools", "preference", "choice", "label", "answer"]
"""How an example can be measured: not at all (what secft adds itself), by calls of tools, by two answers, by the
choices that it offers, by the labels of its kind, or by its answer in sentences."""

ADDED = frozenset({"general", "refuse", "assist"})
"""Kinds of examples that secft adds to any dataset; tasks with questions of their own measure what they teach."""
OWN_RECORDS = ("jsonl", "parquet")
"""Sources whose rows are a team's own examples, whatever these call their kinds."""
LABEL_CHARACTERS = 80
MOST_LABELS = 60
ROWS_PER_LABEL = 3
"""A kind is labelled where its answers are short, are few, and occur so often on average."""
OFFERED = 8
"""Labels that an item offers, the right one included."""
GROUP = 4
"""Answers among which the right one is to be found."""
MATCHED_CHARACTERS = 240


@dataclass(frozen=True)
class HeldOut:
    """The held-out examples of a dataset.

    Attributes:
        rows: as Example.record() wrote them.
    """

    rows: Sequence[Mapping[str, Any]]

    @cached_property
    def labels(self) -> Mapping[str, tuple[str, ...]]:
        """Kinds whose answers are labels -> those labels, the most frequent first."""
        answers: dict[str, Counter[str]] = {}
        for row in self.rows:
            if not row.get("choices") and not row.get("rejected") and not _is_added(row) and not _calls(row):
                answers.setdefault(row["task"], Counter())[_answer(row)] += 1
        return {
            kind: tuple(label for label, _ in sorted(counts.items(), key=lambda pair: (-pair[1], pair[0])))
            for kind, counts in answers.items()
            if _are_labels(counts)
        }

    def form(self, row: Mapping[str, Any]) -> Form:
        """Tell how an example can be measured."""
        if _is_added(row):
            return "behaviour"
        if _calls(row):
            return "tools"
        if row.get("rejected"):
            return "preference"
        if row.get("choices"):
            return "choice"
        return "label" if row["task"] in self.labels else "answer"

    def of_form(self, form: Form) -> list[Mapping[str, Any]]:
        """Return the examples of one form, in their order."""
        return [row for row in self.rows if self.form(row) == form]


def _is_added(row: Mapping[str, Any]) -> bool:
    return row["task"] in ADDED and row.get("source") not in OWN_RECORDS


def _calls(row: Mapping[str, Any]) -> bool:
    return bool(row["messages"][-1].get("tool_calls"))


def _answer(row: Mapping[str, Any]) -> str:
    return str(row["messages"][-1]["content"])


def _are_labels(answers: Counter[str]) -> bool:
    if not 2 <= len(answers) <= MOST_LABELS or answers.total() < ROWS_PER_LABEL * len(answers):
        return False
    return all(len(answer) <= LABEL_CHARACTERS and "\n" not in answer for answer in answers)


@dataclass(frozen=True)
class OfferedChoices:
    """Examples that offer choices.

    Attributes:
        kinds: only those of these kinds; empty means any.
        without: kinds that other tasks ask.
    """

    kinds: frozenset[str] = frozenset()
    without: frozenset[str] = frozenset()
    from_dataset: bool = True

    def items(self, held: HeldOut, system: str) -> list[Item]:
        """Return an item for each of these examples, in their order."""
        return [
            from_example(row)
            for row in held.of_form("choice")
            if row["task"] not in self.without and (not self.kinds or row["task"] in self.kinds)
        ]


@dataclass(frozen=True)
class Labels:
    """Examples whose answer is one of a few labels; the labels of their kind are the choices."""

    from_dataset: bool = True

    def items(self, held: HeldOut, system: str) -> list[Item]:
        """Return an item for each of these examples, with the right label and the most frequent other ones."""
        items = []
        for row in held.of_form("label"):
            item = from_example(row)
            others = [label for label in held.labels[item.kind] if label != item.reference][: OFFERED - 1]
            choices = tuple(sorted([item.reference, *others]))
            items.append(replace(item, choices=choices, answer=choices.index(item.reference)))
        return items


@dataclass(frozen=True)
class Answers:
    """Examples with an answer in sentences."""

    from_dataset: bool = True

    def items(self, held: HeldOut, system: str) -> list[Item]:
        """Return an item for each of these examples, in their order."""
        return [from_example(row) for row in held.of_form("answer")]


@dataclass(frozen=True)
class Calls:
    """Examples whose answer is a call of a tool."""

    from_dataset: bool = True

    def items(self, held: HeldOut, system: str) -> list[Item]:
        """Return an item for each of these examples, in their order."""
        return [from_example(row) for row in held.of_form("tools")]


@dataclass(frozen=True)
class AnswerPairs:
    """Examples with a better and a worse answer; the better one is the first choice."""

    from_dataset: bool = True

    def items(self, held: HeldOut, system: str) -> list[Item]:
        """Return an item for each of these examples, in their order."""
        return [
            replace(from_example(row), choices=(_answer(row), str(row["rejected"])), answer=0)
            for row in held.of_form("preference")
        ]


@dataclass(frozen=True)
class AnswersInGroups:
    """Examples with an answer in sentences, in groups: all items of a group offer the answers of all of them."""

    from_dataset: bool = True

    def items(self, held: HeldOut, system: str) -> list[Item]:
        """Return the items of whole groups; neighbours in a group are of one kind where there are enough of them."""
        seen: set[str] = set()
        items = []
        for item in sorted((from_example(row) for row in held.of_form("answer")), key=_drawn):
            text = shortened(item.reference)
            if text not in seen:
                seen.add(text)
                items.append(replace(item, reference=text))
        found: list[Item] = []
        for start in range(0, len(items) - GROUP + 1, GROUP):
            group = items[start : start + GROUP]
            choices = tuple(sorted(item.reference for item in group))
            name = group[0].id
            found += [
                replace(item, choices=choices, answer=choices.index(item.reference), group=name) for item in group
            ]
        return found


def _drawn(item: Item) -> tuple[str, str]:
    return item.kind, hashlib.sha256(item.id.encode()).hexdigest()


def shortened(text: str) -> str:
    """Return the beginning of an answer, up to the end of a word."""
    if len(text) <= MATCHED_CHARACTERS:
        return text
    return text[:MATCHED_CHARACTERS].rsplit(None, 1)[0]
