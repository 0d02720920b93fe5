"""The content of a message: a string, or parts of text, of calls and results, of thoughts, and of what is no text."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from secft.dataset.sources.reading.bad_record import BadRecordError
from secft.dataset.sources.reading.chat.calls import call_of
from secft.dataset.sources.reading.json_values import clean
from secft.reasons import Reason
from secft.records import ToolCall

TEXT_PARTS = ("text", "input_text", "output_text", "summary_text")
THOUGHT_PARTS = ("thinking", "reasoning", "redacted_thinking")
CALL_PARTS = ("tool_use", "tool_call", "tool-call", "function_call")
RESULT_PARTS = ("tool_result", "tool-result", "function_call_output")


@dataclass
class Result:
    """What a call of a tool gave.

    Attributes:
        text: the result.
        call: id of the call, or an empty string.
        name: of the tool, or an empty string.
    """

    text: str
    call: str = ""
    name: str = ""


@dataclass
class Content:
    """What a message holds.

    Attributes:
        texts: parts of its text, in order.
        thoughts: what was thought before.
        calls: calls of tools.
        results: results of calls.
        unused: reason -> number of parts that are not used.
    """

    texts: list[str] = field(default_factory=list)
    thoughts: list[str] = field(default_factory=list)
    calls: list[ToolCall] = field(default_factory=list)
    results: list[Result] = field(default_factory=list)
    unused: Counter[Reason] = field(default_factory=Counter)

    @property
    def text(self) -> str:
        """The whole text."""
        return "\n\n".join(text for text in self.texts if text.strip())


def content_of(value: Any) -> Content:
    """Read the content of a message.

    Raises:
        BadRecordError: it is neither text nor parts, or a part is broken.
    """
    found = Content()
    if isinstance(value, bytes):
        value = decoded(value)
    if value is None:
        return found
    if isinstance(value, str):
        found.texts.append(clean(value))
        return found
    for part in value if isinstance(value, list) else [value]:
        _add(found, part)
    return found


def decoded(value: bytes) -> str:
    """Return the text of a binary column.

    Raises:
        BadRecordError: it is not UTF-8.
    """
    try:
        return value.decode("utf-8-sig")
    except UnicodeDecodeError:
        raise BadRecordError(Reason("record.not_utf8")) from None


def _add(found: Content, part: Any) -> None:
    if isinstance(part, str):
        found.texts.append(clean(part))
        return
    if not isinstance(part, Mapping):
        raise BadRecordError(Reason("turn.content"))
    kind = part.get("type")
    if kind in CALL_PARTS:
        found.calls.append(call_of({**part, "id": part.get("id") or part.get("call_id") or part.get("toolCallId")}))
    elif kind in RESULT_PARTS:
        found.results.append(_result(found, part))
    elif kind in THOUGHT_PARTS:
        found.thoughts.append(_string(part, ("thinking", "text", "reasoning")))
    elif kind in TEXT_PARTS or (kind is None and "text" in part):
        found.texts.append(_string(part, ("text",)))
    elif kind == "refusal":
        found.texts.append(_string(part, ("refusal",)))
    elif isinstance(kind, str):
        found.unused[Reason("unused.part", kind)] += 1
    else:
        raise BadRecordError(Reason("turn.content"))


def _string(part: Mapping[str, Any], keys: tuple[str, ...]) -> str:
    value = next((part[key] for key in keys if part.get(key) is not None), "")
    if not isinstance(value, str):
        raise BadRecordError(Reason("turn.content"))
    return clean(value)


def _result(found: Content, part: Mapping[str, Any]) -> Result:
    inner = content_of(next((part[key] for key in ("content", "output", "result") if part.get(key) is not None), None))
    found.unused.update(inner.unused)
    if inner.unused and not inner.text:
        raise BadRecordError(Reason("turn.no_text"))
    call = next((part[key] for key in ("tool_use_id", "call_id", "toolCallId", "id") if part.get(key)), "")
    return Result(inner.text, clean(str(call)), str(part.get("name") or ""))
