"""The shapes in which conversations are brought: which columns hold the turns, the answer, and the worse answer.

A row is one of these, tried in this order; columns that are null are absent:

- a better and a worse answer: ``chosen`` and ``rejected``, each a text, turns after the prompt, or whole conversations;
- ``messages`` or ``conversations``: turns, as a list, as columns of equal length, or as a string of JSON;
- several ranked answers to one question, see ranked.py: a pair for each worse one;
- a question and an answer as texts, or as turns, under one of the names of QUESTIONS and ANSWERS, with ``history``.

``system`` stands before all of them, ``tools`` beside them; ``rejected`` beside a whole conversation is a worse last
answer; ``label`` (true or false) says whether an answer without a second one is good.
"""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from secft.dataset.sources.reading.bad_record import BadRecordError
from secft.dataset.sources.reading.chat.calls import tools_of
from secft.dataset.sources.reading.chat.content import decoded
from secft.dataset.sources.reading.chat.conversation import Conversation, conversation_of
from secft.dataset.sources.reading.json_values import clean
from secft.reasons import Reason
from secft.records import Message, ToolCall

TURNS = ("messages", "conversations", "conversation")
QUESTIONS = ("user", "prompt", "instruction", "question", "query")
CONTEXTS = ("input", "context")
ANSWERS = ("assistant", "completion", "response", "output", "answer")
PAIR = ("chosen", "rejected")
BESIDE = ("system", "tools", "functions", "history", "label")
_DIALOGUE = re.compile(r"\s*\n\n(Human|Assistant):\s?")
"""Turns inside a text, as Anthropic's first datasets of preferences have them."""


@dataclass
class Shape:
    """A conversation as a row brings it.

    Attributes:
        messages: it ends with the answer to be learned.
        tools: what is offered.
        rejected: text of a worse answer, or an empty string.
        rejected_calls: calls of tools in the worse answer.
        label: whether the answer is a good one, where the row says so and brings no pair.
        unused: reason -> number of things that were not used.
    """

    messages: list[Message]
    tools: list[dict[str, Any]] = field(default_factory=list)
    rejected: str = ""
    rejected_calls: list[ToolCall] = field(default_factory=list)
    label: bool | None = None
    unused: Counter[Reason] = field(default_factory=Counter)


class Columns:
    """The columns of a row that are not null, and which of them were asked for."""

    def __init__(self, record: Mapping[str, Any]) -> None:
        self._values = {key: value for key, value in record.items() if value is not None}
        self.used: set[str] = set()

    def __contains__(self, key: str) -> bool:
        return key in self._values

    def get(self, key: str) -> Any:
        """Return a value, or None."""
        self.used.add(key)
        return self._values.get(key)

    def peek(self, key: str) -> Any:
        """Return a value, or None, without asking for it: it still counts as unused."""
        return self._values.get(key)

    def first(self, keys: tuple[str, ...]) -> str:
        """Return the first of some names that the row has, or an empty string."""
        return next((key for key in keys if key in self), "")

    def text(self, key: str) -> str:
        """Return a text, or an empty string.

        Raises:
            BadRecordError: the value is no text.
        """
        value = self.get(key)
        if isinstance(value, bytes):
            value = decoded(value)
        if value is not None and not isinstance(value, str):
            raise BadRecordError(Reason("chat_record.not_string", key))
        return clean(value or "")

    def unused(self) -> Counter[Reason]:
        """Return the columns that hold something and were not asked for."""
        rest = (key for key, value in self._values.items() if key not in self.used and value not in ("", [], {}))
        return Counter(Reason("unused.column", clean(str(key))[:40]) for key in rest)


def shape_of(columns: Columns, *, keep_thoughts: bool = False) -> Shape:
    """Return the conversation of a row.

    Raises:
        BadRecordError: the row has none of the shapes, or its conversation is broken.
    """
    label = columns.peek("label")
    tools = tools_of(columns.get("tools")) or tools_of(columns.get("functions"))
    if "chosen" in columns and "rejected" in columns:
        found = _pair(columns, keep_thoughts)
    else:
        found = _single(columns, keep_thoughts)
    found.tools = tools
    if isinstance(label, bool):
        columns.used.add("label")
        found.label = None if found.rejected or found.rejected_calls else label
    return found


def _read(columns: Columns, turns: list[Any], keep_thoughts: bool) -> Conversation:
    """Read turns with the system message of the row before them, where they have none of their own."""
    system = columns.text("system")
    if system.strip():
        own = next((str(turn.get("role", turn.get("from"))) for turn in turns if isinstance(turn, Mapping)), "")
        if own not in ("system", "developer"):
            turns = [{"role": "system", "content": system}, *turns]
        else:
            columns.used.discard("system")
    return conversation_of(turns, keep_thoughts=keep_thoughts)


def _single(columns: Columns, keep_thoughts: bool) -> Shape:
    turns = _turns(columns)
    if turns is None:
        answer = columns.first(ANSWERS)
        question = _question(columns)
        if not answer or question is None:
            raise BadRecordError(Reason("chat_record.only_text") if "text" in columns else Reason("chat_record.shape"))
        turns = [*question, *_answer(columns.get(answer), answer)]
    talk = _read(columns, turns, keep_thoughts)
    found = Shape(talk.messages, unused=talk.unused)
    rejected, calls = columns.get("rejected"), columns.get("rejected_calls")
    if rejected or calls:
        worse = (
            [{"role": "assistant", "content": rejected, "tool_calls": calls}] if calls else _answer(rejected, PAIR[1])
        )
        if not _is_whole(worse):
            worse = [*_up_to_answer(turns), *worse]
        _compare(found, _read(columns, worse, keep_thoughts).messages)
    return found


def _pair(columns: Columns, keep_thoughts: bool) -> Shape:
    chosen, rejected = columns.get("chosen"), columns.get("rejected")
    prompt = _turns(columns)
    prompt = _question(columns) if prompt is None else _up_to_answer(prompt)
    if prompt is None and isinstance(chosen, str) and isinstance(rejected, str):
        chosen, rejected = _dialogue(chosen), _dialogue(rejected)
    sides = []
    for value, key in ((chosen, "chosen"), (rejected, "rejected")):
        turns = _answer(value, key)
        if not _is_whole(turns):
            if prompt is None:
                raise BadRecordError(Reason("chat_record.no_prompt"))
            turns = [*prompt, *turns]
        sides.append(_read(columns, turns, keep_thoughts))
    found = Shape(sides[0].messages, unused=sides[0].unused)
    _compare(found, sides[1].messages)
    return found


def _compare(found: Shape, worse: list[Message]) -> None:
    """Take the worse answer over: only the last message may differ."""
    if worse[:-1] != found.messages[:-1]:
        raise BadRecordError(Reason("chat_record.other_prompt"))
    better, last = found.messages[-1], worse[-1]
    if better["content"] == last["content"] and better.get("tool_calls") == last.get("tool_calls"):
        raise BadRecordError(Reason("chat_record.equal_answers"))
    found.rejected, found.rejected_calls = last["content"], list(last.get("tool_calls", []))


def _is_whole(turns: list[Any]) -> bool:
    """Tell whether turns begin with a prompt."""
    first = turns[0] if turns and isinstance(turns[0], Mapping) else {}
    return str(first.get("role", first.get("from"))) in ("system", "developer", "user", "human")


def _up_to_answer(turns: list[Any]) -> list[Any]:
    """Return turns without the last answer."""
    end = len(turns)
    while end and isinstance(turns[end - 1], Mapping):
        said = str(turns[end - 1].get("role", turns[end - 1].get("from")))
        if said in ("user", "human", "tool", "observation", "function", "system"):
            break
        end -= 1
    return turns[:end]


def _turns(columns: Columns) -> list[Any] | None:
    """Return the turns of a row that has them; columns of equal length, as some datasets store them, are turned."""
    key = columns.first(TURNS)
    return _list(columns.get(key), key) if key else None


def _list(value: Any, key: str) -> list[Any]:
    if isinstance(value, bytes):
        value = decoded(value)
    if isinstance(value, str):
        try:
            value = json.loads(value)
        except (ValueError, RecursionError):
            raise BadRecordError(Reason("chat_record.not_objects", key)) from None
    if isinstance(value, dict) and value and all(isinstance(column, list) for column in value.values()):
        lengths = {len(column) for column in value.values()}
        if len(lengths) == 1:
            return [dict(zip(value, values, strict=True)) for values in zip(*value.values(), strict=True)]
    if not isinstance(value, list) or not all(isinstance(turn, dict) for turn in value):
        raise BadRecordError(Reason("chat_record.not_objects", key))
    if not value:
        raise BadRecordError(Reason("chat_record.no_turns"))
    return value


def _question(columns: Columns) -> list[Any] | None:
    """Return the turns up to the answer, or None where the row asks nothing."""
    key = columns.first(QUESTIONS)
    if not key and not columns.first(CONTEXTS):
        return None
    value = columns.get(key) if key else ""
    if isinstance(value, list | dict) or (isinstance(value, str) and value.lstrip().startswith("[{")):
        return [*_history(columns), *_list(value, key)]
    parts = [columns.text(name) for name in (key, *CONTEXTS) if name]
    asked = "\n\n".join(part for part in parts if part.strip())
    return [*_history(columns), {"role": "user", "content": asked}]


def _history(columns: Columns) -> list[Any]:
    """Return earlier turns: pairs of question and answer."""
    value = columns.get("history")
    if not value:
        return []
    if isinstance(value, str):
        try:
            value = json.loads(value)
        except (ValueError, RecursionError):
            value = None
    if isinstance(value, list) and all(isinstance(item, dict) for item in value):
        return list(value)
    if not isinstance(value, list) or not all(isinstance(item, list) and len(item) == 2 for item in value):
        raise BadRecordError(Reason("chat_record.history"))
    return [
        {"role": role, "content": text}
        for pair in value
        for role, text in zip(("user", "assistant"), pair, strict=True)
    ]


def _answer(value: Any, key: str) -> list[Any]:
    """Return an answer, a text or turns, as turns."""
    if isinstance(value, bytes):
        value = decoded(value)
    if isinstance(value, str):
        if value.lstrip().startswith("[{") and (found := _parsed_turns(value)):
            return found
        return [{"role": "assistant", "content": value}]
    if isinstance(value, list) and len(value) == 1 and isinstance(value[0], str):
        return [{"role": "assistant", "content": value[0]}]
    if isinstance(value, list) and value and all(isinstance(item, str) for item in value):
        raise BadRecordError(Reason("chat_record.several_answers", key))
    if not isinstance(value, list | dict):
        raise BadRecordError(Reason("chat_record.not_string", key))
    is_turn = isinstance(value, dict) and not all(isinstance(item, list) for item in value.values())
    return [value] if is_turn else _list(value, key)


def _parsed_turns(value: str) -> list[Any]:
    try:
        found = json.loads(value)
    except (ValueError, RecursionError):
        return []
    return found if all(isinstance(item, dict) and ({"role", "from"} & item.keys()) for item in found) else []


def _dialogue(text: str) -> Any:
    """Return the turns of a text of the form ``Human: ... Assistant: ...``, or the text."""
    parts = _DIALOGUE.split(f"\n\n{text.lstrip()}")
    if len(parts) < 5 or parts[1] != "Human":
        return text
    roles = {"Human": "user", "Assistant": "assistant"}
    return [{"role": roles[who], "content": said} for who, said in zip(parts[1::2], parts[2::2], strict=True)]
