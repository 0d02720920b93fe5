"""The records that travel between stages: documents (raw) and examples (trainable)."""

from __future__ import annotations

import json
from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Literal, NotRequired, TypedDict

from secft.reasons import Reason

Role = Literal["system", "user", "assistant", "tool"]


class CalledFunction(TypedDict):
    """Which function is called with what; arguments are an object, never a string of JSON."""

    name: str
    arguments: dict[str, Any]


class ToolCall(TypedDict):
    """One call of a tool, as OpenAI's chat API has it."""

    type: Literal["function"]
    function: CalledFunction
    id: NotRequired[str]


class Message(TypedDict):
    """One turn of a conversation; keys that say nothing are absent.

    ``content`` may be empty where there are ``tool_calls``. ``tool_call_id`` and ``name`` tell whose result a turn of
    ``tool`` is. ``reasoning_content`` is what an assistant thought before it answered. ``weight`` is 0 on a turn of the
    assistant that is not to be learned.
    """

    role: Role
    content: str
    tool_calls: NotRequired[list[ToolCall]]
    tool_call_id: NotRequired[str]
    name: NotRequired[str]
    reasoning_content: NotRequired[str]
    weight: NotRequired[int]


OPTIONAL_PARTS = ("tool_calls", "tool_call_id", "name", "reasoning_content", "weight")
"""Parts of a message beside role and content."""
OPTIONAL_COLUMNS = ("tools", "rejected_calls", "label")
"""Columns that only rows have which use them."""


def tool_call(name: str, arguments: Mapping[str, Any], identifier: str = "") -> ToolCall:
    """Return a call of a tool."""
    call: ToolCall = {"type": "function", "function": {"name": name, "arguments": dict(arguments)}}
    return {**call, "id": identifier} if identifier else call


def calls_text(calls: Iterable[ToolCall]) -> str:
    """Return calls as text, one a line in the form that models write: name and arguments as JSON between tags."""
    objects = [{"name": call["function"]["name"], "arguments": call["function"]["arguments"]} for call in calls]
    return "\n".join(f"<tool_call>{json.dumps(item, ensure_ascii=False)}</tool_call>" for item in objects)


def message_text(message: Message) -> str:
    """Return everything that a turn says: reasoning, content and calls."""
    parts = [message.get("reasoning_content", ""), message["content"], calls_text(message.get("tool_calls", []))]
    return "\n".join(part for part in parts if part)


@dataclass(frozen=True)
class Document:
    """One piece of knowledge as its owner published it.

    Attributes:
        id: identifier in its source, for example ``CWE-79`` or ``T1059.001``; unique within a run.
        kind: what it is: ``weakness``, ``technique``, ``attack_pattern``, ``vulnerability``, ``rule`` (detection),
            ``control``, ``guide`` (a section of a PDF, a web page or a manual), ``finding`` (of a scanner),
            ``trajectory`` (of an agent) or ``record`` (a conversation that is an example already).
        title: name.
        text: the whole text for people, paragraphs separated by empty lines.
        fields: structured parts, plain JSON; each source documents its own keys.
        source: name of the source, for example ``cwe``.
        source_version: version of the source's data, for example ``4.14``.
        license: licence or terms of the text.
        url: public page of this entry, or an empty string.
        path: local file that it was read from, as the configuration names it, or an empty string.
        fetched: when it was fetched (ISO 8601, UTC); empty for what was read from a local file.
        digest: SHA-256 of title, text and fields; filled in when the sources are collected.
    """

    id: str
    kind: str
    title: str
    text: str
    fields: dict[str, Any]
    source: str
    source_version: str
    license: str
    url: str
    path: str = ""
    fetched: str = ""
    digest: str = ""


@dataclass(frozen=True)
class Provenance:
    """Where an example's answer comes from.

    Attributes:
        document: id of the document.
        fields: parts of the document that the answer comes from.
        source: name of the source.
        source_version: version of the source's data.
        license: licence or terms of the text.
        url: public page of the document, or an empty string.
        teacher: model that wrote the example; empty for templates and for records that were brought along.
        prompt: name and version of the prompt file, for example ``question_answer/1``.
        parameters: settings of the request as canonical JSON.
        response: SHA-256 of the raw response.
    """

    document: str
    fields: tuple[str, ...]
    source: str
    source_version: str
    license: str
    url: str
    teacher: str = ""
    prompt: str = ""
    parameters: str = ""
    response: str = ""


def _changed_value(value: Any, change: Callable[[str], str]) -> Any:
    """Return plain JSON with every string of it changed, names of keys apart."""
    if isinstance(value, str):
        return change(value)
    if isinstance(value, list):
        return [_changed_value(item, change) for item in value]
    return {key: _changed_value(item, change) for key, item in value.items()} if isinstance(value, dict) else value


def _changed_message(message: Message, change: Callable[[str], str]) -> Message:
    changed: Message = {**message, "content": change(message["content"])}
    if "reasoning_content" in message:
        changed["reasoning_content"] = change(message["reasoning_content"])
    if "tool_calls" in message:
        changed["tool_calls"] = [_changed_call(call, change) for call in message["tool_calls"]]
    return changed


def _changed_call(call: ToolCall, change: Callable[[str], str]) -> ToolCall:
    function = call["function"]
    arguments = _changed_value(function["arguments"], change)
    return {**call, "function": {"name": function["name"], "arguments": arguments}}


@dataclass(frozen=True)
class Example:
    """One conversation to learn from, or to be measured on.

    Attributes:
        id: unique and stable, for example ``cwe:CWE-79:explain:0``.
        task: kind of example, one of secft.config.schemas.synthesis.TEMPLATE_TASKS for templates.
        entity: what the example is about, for example ``CWE-79``; all examples of an entity share a split.
        family: the entity's parent where it has one (``T1059`` of ``T1059.001``), else the entity.
        messages: the conversation; the last message is the assistant's.
        provenance: where the answer comes from.
        choices: candidate answers where the example is a choice, else empty.
        answer: index of the right choice, or -1.
        rejected: for a preference pair, the worse answer to the same question; the assistant's message is the better.
        rejected_calls: the calls of tools in the worse answer.
        tools: the tools that are offered, as JSON schemas of OpenAI's chat API.
        label: whether the assistant's last message is a good answer, where its owner said so of it alone; a bad one is
            never imitated, and measures nothing.
    """

    id: str
    task: str
    entity: str
    family: str
    messages: tuple[Message, ...]
    provenance: Provenance
    choices: tuple[str, ...] = ()
    answer: int = -1
    rejected: str = ""
    rejected_calls: tuple[ToolCall, ...] = ()
    tools: tuple[dict[str, Any], ...] = ()
    label: bool | None = None

    @property
    def reply(self) -> str:
        """Everything that the last message says."""
        return message_text(self.messages[-1])

    def text(self, roles: Collection[str] = ("user", "assistant", "tool"), separator: str = "\n") -> str:
        """Return what the turns of some roles say."""
        return separator.join(message_text(message) for message in self.messages if message["role"] in roles)

    def with_texts(self, change: Callable[[str], str]) -> Example:
        """Return the example with every text of it changed: contents, reasoning, arguments, results, choices, tools."""
        return replace(
            self,
            messages=tuple(_changed_message(message, change) for message in self.messages),
            choices=tuple(map(change, self.choices)),
            rejected=change(self.rejected) if self.rejected else "",
            rejected_calls=tuple(_changed_call(call, change) for call in self.rejected_calls),
            tools=tuple(_changed_value(list(self.tools), change)),
        )

    def record(self) -> dict[str, Any]:
        """Return the row that is written to JSONL and Parquet.

        ``system``, ``user`` and ``assistant`` hold a single-turn conversation for tools that want columns;
        ``messages`` holds the same conversation, or one of several turns. ``tools``, ``rejected_calls`` and ``label``
        are there where the example has them.
        """
        optional = {"tools": list(self.tools), "rejected_calls": list(self.rejected_calls)}
        last = {message["role"]: message_text(message) for message in self.messages}
        return {
            "id": self.id,
            "task": self.task,
            "entity": self.entity,
            "family": self.family,
            "system": last.get("system", ""),
            "user": last.get("user", ""),
            "assistant": last.get("assistant", ""),
            "messages": list(self.messages),
            "choices": list(self.choices),
            "answer": self.answer,
            "rejected": self.rejected,
            "source": self.provenance.source,
            "provenance": self.provenance,
            **{name: value for name, value in optional.items() if value},
            **({} if self.label is None else {"label": self.label}),
        }


@dataclass
class Tally:
    """Counts of what a step took in, kept, and dropped by reason; every dropped record is counted.

    Attributes:
        seen: records that came in.
        kept: records that went out.
        dropped: spelling of a reason -> number of records.
    """

    seen: int = 0
    kept: int = 0
    dropped: dict[str, int] = field(default_factory=dict)

    def keep(self) -> None:
        """Count one record that came in and goes on."""
        self.seen += 1
        self.kept += 1

    def add(self, other: Tally) -> None:
        """Add the counts of another part of the same step."""
        self.seen += other.seen
        self.kept += other.kept
        for reason, count in other.dropped.items():
            self.dropped[reason] = self.dropped.get(reason, 0) + count

    def drop(self, reason: Reason, count: int = 1) -> None:
        """Count records that came in and end here."""
        self.seen += count
        self.dropped[str(reason)] = self.dropped.get(str(reason), 0) + count


def example_from_record(row: dict[str, Any]) -> Example:
    """Rebuild an example from a row that Example.record wrote.

    Raises:
        KeyError: the row lacks a column.
    """
    provenance = row["provenance"]
    return Example(
        id=row["id"],
        task=row["task"],
        entity=row["entity"],
        family=row["family"],
        messages=tuple(row["messages"]),
        provenance=Provenance(**{**provenance, "fields": tuple(provenance["fields"])}),
        choices=tuple(row["choices"]),
        answer=row["answer"],
        rejected=row["rejected"],
        rejected_calls=tuple(row.get("rejected_calls", ())),
        tools=tuple(row.get("tools", ())),
        label=row.get("label"),
    )


def is_bad(row: Mapping[str, Any]) -> bool:
    """Tell whether the answer of a row is a bad one, with no better one beside it."""
    return row.get("label") is False
