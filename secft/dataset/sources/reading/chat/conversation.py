"""Turns of any common form as one conversation: who speaks when, and which result belongs to which call.

A turn has ``role`` and ``content`` (OpenAI, Anthropic) or ``from`` and ``value`` (ShareGPT). What a conversation may
hold: an optional system message, then the user, then the assistant and tools in turns. Turns of one speaker that follow
each other are joined; what follows the last answer that is to be learned is left out; both are counted.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from secft.dataset.sources.reading.bad_record import BadRecordError
from secft.dataset.sources.reading.chat.calls import calls_of
from secft.dataset.sources.reading.chat.content import Content, Result, content_of
from secft.dataset.sources.reading.json_values import clean
from secft.reasons import Reason
from secft.records import Message, ToolCall

ROLES = {
    "system": "system", "developer": "system",
    "user": "user", "human": "user", "prompter": "user",
    "assistant": "assistant", "gpt": "assistant", "chatgpt": "assistant", "bot": "assistant", "model": "assistant",
    "tool": "tool", "function": "tool", "observation": "tool", "ipython": "tool", "tool_response": "tool",
    "function_response": "tool", "tool_result": "tool",
    "function_call": "call", "tool_call": "call",
}  # fmt: skip
"""What a speaker is called -> the role; ``call`` is an assistant whose whole content is calls, as JSON."""
_THOUGHTS = ("reasoning_content", "reasoning", "thinking")
_LEARNED = ("weight", "train", "training")
_KNOWN = frozenset(
    {"role", "from", "content", "value", "tool_calls", "function_call", "tool_call_id", "name", "refusal", "type"}
    | {*_THOUGHTS, *_LEARNED}
)
_THINK = re.compile(r"\s*<think>(.*?)</think>\s*", re.DOTALL)


@dataclass
class Conversation:
    """A conversation as it is read.

    Attributes:
        keep_thoughts: thoughts of the assistant are kept, rather than left out and counted.
        only_text: what is no text is refused, rather than left out and counted.
        messages: what was read so far.
        unused: reason -> how often something was not used, or not as it stood.
    """

    keep_thoughts: bool = False
    only_text: bool = False
    messages: list[Message] = field(default_factory=list)
    unused: Counter[Reason] = field(default_factory=Counter)
    _open: list[ToolCall] = field(default_factory=list)

    @property
    def unfinished(self) -> bool:
        """Whether a call has no result."""
        return bool(self._open)

    def add(self, turn: Any) -> None:
        """Take in one turn.

        Raises:
            BadRecordError: it is broken, or out of place.
        """
        if not isinstance(turn, Mapping):
            raise BadRecordError(Reason("turn.not_object"))
        said = turn.get("role", turn.get("from"))
        role = ROLES.get(said.lower(), "") if isinstance(said, str) else ""
        value = turn["content"] if turn.get("content") is not None else turn.get("value")
        if role == "call":
            content, role = Content(calls=calls_of(value)), "assistant"
        else:
            content = content_of(value)
        self._count(turn, content)
        if role == "system":
            self._system(content)
        elif role == "user":
            self._user(content)
        elif role == "assistant":
            self._assistant(turn, content)
        elif role == "tool":
            self._tool(turn, content)
        else:
            raise BadRecordError(Reason("turn.role"))

    def _count(self, turn: Mapping[str, Any], content: Content) -> None:
        if content.unused and self.only_text:
            raise BadRecordError(Reason("turn.media"))
        self.unused.update(content.unused)
        for key, value in turn.items():
            if key not in _KNOWN and value not in (None, "", [], {}):
                self.unused[Reason("unused.message_key", clean(str(key))[:40])] += 1

    def _system(self, content: Content) -> None:
        if any(message["role"] != "system" for message in self.messages):
            raise BadRecordError(Reason("turn.late_system"))
        if not content.text.strip():
            return
        self._say({"role": "system", "content": content.text})

    def _user(self, content: Content) -> None:
        for result in content.results:
            self._result(result)
        if content.results and not content.text.strip():
            return
        if self._open:
            raise BadRecordError(Reason("turn.call_without_result"))
        if not content.text.strip():
            raise BadRecordError(Reason("turn.no_text") if content.unused else Reason("turn.empty"))
        self._say({"role": "user", "content": content.text})

    def _assistant(self, turn: Mapping[str, Any], content: Content) -> None:
        if not any(message["role"] == "user" for message in self.messages):
            raise BadRecordError(Reason("turn.begins_with_assistant"))
        calls = [*content.calls, *calls_of(turn.get("tool_calls"))]
        if turn.get("function_call"):
            calls += calls_of(turn["function_call"])
        text, thought = _said(turn, content)
        if not text.strip() and not calls:
            raise BadRecordError(Reason("turn.empty"))
        self._call(calls)
        message: Message = {"role": "assistant", "content": text if text.strip() else ""}
        if thought and self.keep_thoughts:
            message["reasoning_content"] = thought
        elif thought:
            self.unused[Reason("unused.reasoning")] += 1
        if calls:
            message["tool_calls"] = calls
        if not _learned(turn):
            message["weight"] = 0
        self._say(message)

    def _call(self, calls: list[ToolCall]) -> None:
        """Open calls; more of them may follow at once, anything else only when all have their results."""
        if self._open and not (calls and self.messages[-1]["role"] == "assistant"):
            raise BadRecordError(Reason("turn.call_without_result"))
        for call in calls:
            if "id" in call and any(call["id"] == other.get("id") for other in self._open):
                raise BadRecordError(Reason("turn.repeated_call"))
            self._open.append(call)

    def _tool(self, turn: Mapping[str, Any], content: Content) -> None:
        if content.unused and not content.text:
            raise BadRecordError(Reason("turn.no_text"))
        call, name = turn.get("tool_call_id"), turn.get("name")
        results = content.results or [Result(content.text)]
        for result in results:
            result.call = result.call or clean(str(call or ""))
            result.name = result.name or clean(str(name or ""))
            self._result(result)

    def _result(self, result: Result) -> None:
        """Add a result to the call that it names; one that names none belongs to the first call without a result."""
        if result.call and any("id" in call for call in self._open):
            found = [call for call in self._open if call.get("id") == result.call]
        else:
            named = [call for call in self._open if call["function"]["name"] == result.name]
            found = named or self._open
        if not found:
            raise BadRecordError(Reason("turn.result_without_call"))
        call = found[0]
        self._open.remove(call)
        message: Message = {"role": "tool", "content": result.text, "name": call["function"]["name"]}
        if "id" in call:
            message["tool_call_id"] = call["id"]
        self.messages.append(message)

    def _say(self, message: Message) -> None:
        """Add a message, or join it to the one before it if the same role speaks on."""
        last = self.messages[-1] if self.messages else None
        if last is None or last["role"] != message["role"]:
            self.messages.append(message)
            return
        if last.get("weight", 1) != message.get("weight", 1):
            raise BadRecordError(Reason("turn.weights_differ"))
        self.unused[Reason("unused.joined")] += 1
        last["content"] = "\n\n".join(part for part in (last["content"], message["content"]) if part)
        if "tool_calls" in message:
            last["tool_calls"] = [*last.get("tool_calls", []), *message["tool_calls"]]
        thoughts = [one["reasoning_content"] for one in (last, message) if "reasoning_content" in one]
        if thoughts:
            last["reasoning_content"] = "\n\n".join(thoughts)

    def close(self) -> None:
        """Leave out what follows the last answer that is to be learned.

        Raises:
            BadRecordError: there is no such answer.
        """
        answers = [k for k, message in enumerate(self.messages) if message["role"] == "assistant"]
        if not answers:
            raise BadRecordError(Reason("turn.no_answer"))
        learned = [k for k in answers if self.messages[k].get("weight", 1)]
        if not learned:
            raise BadRecordError(Reason("turn.nothing_learned"))
        if learned[-1] + 1 < len(self.messages):
            self.unused[Reason("unused.last_turns")] += 1
            del self.messages[learned[-1] + 1 :]


def conversation_of(turns: Iterable[Any], *, keep_thoughts: bool = False, only_text: bool = False) -> Conversation:
    """Read turns as one conversation that ends with an answer to be learned.

    Raises:
        BadRecordError: a turn is broken or out of place, or nothing is to be learned.
    """
    found = Conversation(keep_thoughts, only_text)
    for turn in turns:
        found.add(turn)
    found.close()
    return found


def _said(turn: Mapping[str, Any], content: Content) -> tuple[str, str]:
    """Return what an assistant says, and what it thought before."""
    text = content.text
    if not text and isinstance(turn.get("refusal"), str):
        text = clean(turn["refusal"])
    beside = next((turn[key] for key in _THOUGHTS if turn.get(key) not in (None, "")), "")
    if not isinstance(beside, str):
        raise BadRecordError(Reason("turn.content"))
    thoughts = [*content.thoughts, clean(beside)]
    if inner := _THINK.match(text):
        thoughts, text = [*thoughts, inner[1]], text[inner.end() :]
    return text, "\n\n".join(part.strip() for part in thoughts if part.strip())


def _learned(turn: Mapping[str, Any]) -> bool:
    value = next((turn[key] for key in _LEARNED if turn.get(key) is not None), 1)
    if not isinstance(value, int | float) or value not in (0, 1):
        raise BadRecordError(Reason("turn.weight"))
    return bool(value)
