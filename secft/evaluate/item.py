"""One question with what counts as right."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from secft.records import Message, ToolCall


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
        kind: of the held-out example, or an empty string.
        tools: what is offered, as JSON schemas.
        calls: the calls that are right, or empty.
        group: items of one group are drawn together, since they share their choices; empty where it stands alone.
    """

    id: str
    entity: str
    family: str
    messages: tuple[Message, ...]
    choices: tuple[str, ...] = ()
    answer: int = -1
    reference: str = ""
    kind: str = ""
    group: str = ""
    tools: tuple[dict[str, Any], ...] = ()
    calls: tuple[ToolCall, ...] = ()


def from_example(row: Mapping[str, Any]) -> Item:
    """Turn a held-out example into an item: the last message is the answer."""
    messages: tuple[Message, ...] = tuple(row["messages"])
    return Item(
        id=row["id"],
        entity=row["entity"],
        family=row["family"],
        messages=messages[:-1],
        choices=tuple(row["choices"]),
        answer=row["answer"],
        reference=messages[-1]["content"],
        kind=row["task"],
        tools=tuple(row.get("tools") or ()),
        calls=tuple(messages[-1].get("tool_calls", ())),
    )
