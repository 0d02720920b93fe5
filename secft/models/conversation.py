"""Conversations with tools as a chat template takes them, and as text for templates that know no tools.

Where a template renders offered tools, calls, and results, it is given them. Where it does not, they are written in one
documented form into what every template renders: tools into the system message, calls as
``<tool_call>{"name": ..., "arguments": {...}}</tool_call>`` into the assistant's turn, one a line, and results as
``<tool_response>...</tool_response>`` into a turn of the user. That is how Hermes and Qwen write them. Reasoning that a
template does not render stands as ``<think>...</think>`` before the answer.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Literal

from secft.errors import InputError
from secft.models.chat_template import CLOCK, told_the_date
from secft.models.template_probe import SWITCH
from secft.records import Message, calls_text

Way = Literal["template", "text"]
"""How calls are rendered: by the template, or as text."""

THOUGHT_ENDS = "</think>"
INTRODUCTION = (
    "You can call these tools. To call one, write "
    '<tool_call>{"name": <name>, "arguments": <object>}</tool_call>, one line for each call; results come between '
    "<tool_response> and </tool_response>."
)
_PROBE_TOOL = {
    "type": "function",
    "function": {
        "name": "probe_tool",
        "description": "probe_description",
        "parameters": {"type": "object", "properties": {"probe_key": {"type": "string"}}, "required": ["probe_key"]},
    },
}
_ASK: dict[str, Any] = {"role": "user", "content": "probe_question"}
_RESULT = {"role": "tool", "content": "probe_result", "name": "probe_tool", "tool_call_id": "call00001"}
_REPLY = {"role": "assistant", "content": "probe_reply"}


@dataclass(frozen=True)
class TemplateSkills:
    """What a chat template renders.

    Attributes:
        tools: offered tools, calls and results.
        arguments: arguments are to be given as ``object`` or as a ``string`` of JSON.
        reasoning: the assistant's reasoning before its last answer.
        system: system messages.
    """

    tools: bool = False
    arguments: Literal["object", "string"] = "object"
    reasoning: bool = False
    system: bool = True

    @property
    def way(self) -> Way:
        """How calls are rendered."""
        return "template" if self.tools else "text"


@dataclass(frozen=True)
class Rendering:
    """What a template is given.

    Attributes:
        messages: as the template takes them.
        tools: as the template takes them; empty where they stand in the messages.
        learned: whether each message is the assistant's and is to be learned.
        variables: what the template is told besides.
    """

    messages: list[dict[str, Any]]
    tools: list[dict[str, Any]] = field(default_factory=list)
    learned: list[bool] = field(default_factory=list)
    variables: dict[str, Any] = field(default_factory=dict)

    @property
    def plain(self) -> bool:
        """Whether there are only roles and contents, which any program renders alike."""
        return (
            not self.tools
            and not self.variables
            and all(set(message) == {"role", "content"} for message in self.messages)
        )

    @property
    def answers(self) -> list[bool]:
        """Whether each turn of the assistant is learned."""
        return [
            learned for message, learned in zip(self.messages, self.learned, strict=True)
            if message["role"] == "assistant"
        ]  # fmt: skip


_SKILLS: dict[str, TemplateSkills] = {}


def skills_of(tokenizer: Any) -> TemplateSkills:
    """Find out what a tokenizer's chat template renders, by rendering; what was found is kept by its text."""
    template = tokenizer.chat_template
    key = template if isinstance(template, str) else json.dumps(template, sort_keys=True)
    if key not in _SKILLS:
        _SKILLS[key] = _probed(tokenizer)
    return _SKILLS[key]


def _probed(tokenizer: Any) -> TemplateSkills:
    tools, arguments = False, "object"
    for given in ({"probe_key": "probe_value"}, '{"probe_key": "probe_value"}'):
        function = {"name": "probe_tool", "arguments": given}
        call = {"role": "assistant", "content": "", "tool_calls": [{"id": "call00001", "type": "function",
                                                                   "function": function}]}  # fmt: skip
        text = _tried(tokenizer, [_ASK, call, _RESULT, _REPLY], [_PROBE_TOOL])
        shown = ("probe_description", "probe_question", "probe_tool", "probe_value", "probe_result", "probe_reply")
        if text and all(word in text for word in shown) and text.index("probe_value") < text.rindex("probe_result"):
            # A string that is made JSON once more would be learned with its quotes.
            if '\\"probe_key' in text:
                continue
            tools, arguments = True, "object" if isinstance(given, dict) else "string"
            break
    thought = _tried(tokenizer, [_ASK, {**_REPLY, "reasoning_content": "probe_thought"}])
    system = _tried(tokenizer, [{"role": "system", "content": "probe_system"}, _ASK, _REPLY])
    return TemplateSkills(
        tools,
        "string" if arguments == "string" else "object",
        bool(thought and "probe_thought" in thought),
        bool(system and "probe_system" in system),
    )


def _tried(tokenizer: Any, messages: list[dict[str, Any]], tools: list[dict[str, Any]] | None = None) -> str | None:
    try:
        return str(tokenizer.apply_chat_template(messages, tools=tools, tokenize=False))
    except Exception:  # noqa: BLE001  # templates raise errors of many types, their own raise_exception among them
        return None


def prepare_conversation(
    tokenizer: Any, messages: Sequence[Message], tools: Sequence[dict[str, Any]] = ()
) -> Rendering:
    """Return a conversation as the tokenizer's template takes it.

    A conversation without tools, reasoning and weights is given as it is.

    Args:
        tokenizer: with a chat template.
        messages: the conversation.
        tools: what is offered, as JSON schemas.
    """
    variables = _variables(tokenizer, messages)
    if not tools and not any(message["role"] == "tool" or len(message) > 2 for message in messages):
        plain = [{"role": message["role"], "content": message["content"]} for message in messages]
        return Rendering(plain, [], [message["role"] == "assistant" for message in messages], variables)
    skills = skills_of(tokenizer)
    thinking = [message if skills.reasoning else _thought_in_text(message) for message in messages]
    ready = (_for_template if skills.tools else _as_text)(thinking, list(tools), skills)
    return replace(ready, variables=variables)


def _variables(tokenizer: Any, messages: Sequence[Message]) -> dict[str, Any]:
    """Ask for thinking where the assistant has thought and the template can be told so."""
    thought = any(
        message.get("reasoning_content") or THOUGHT_ENDS in str(message.get("content"))
        for message in messages
        if message["role"] == "assistant"
    )
    return {SWITCH: True} if thought and SWITCH in str(tokenizer.chat_template) else {}


def _thought_in_text(message: Message) -> Message:
    if "reasoning_content" not in message:
        return message
    changed: Message = {
        **message,
        "content": f"<think>\n{message['reasoning_content']}\n</think>\n\n{message['content']}",
    }
    del changed["reasoning_content"]
    return changed


def _is_learned(message: Message) -> bool:
    return message["role"] == "assistant" and bool(message.get("weight", 1))


def _for_template(messages: Sequence[Message], tools: list[dict[str, Any]], skills: TemplateSkills) -> Rendering:
    """Number calls anew, in nine characters: some templates take no other ids, and rows need not have any."""
    found: list[dict[str, Any]] = []
    number, waiting = 0, []
    for message in messages:
        turn: dict[str, Any] = {key: value for key, value in message.items() if key != "weight"}
        if "tool_calls" in message:
            calls = []
            for call in message["tool_calls"]:
                number += 1
                identifier, function = f"call{number:05d}", call["function"]
                arguments: Any = function["arguments"]
                if skills.arguments == "string":
                    arguments = json.dumps(arguments, ensure_ascii=False)
                waiting.append((call.get("id", ""), function["name"], identifier))
                calls.append({"id": identifier, "type": "function",
                              "function": {"name": function["name"], "arguments": arguments}})  # fmt: skip
            turn["tool_calls"] = calls
        if message["role"] == "tool":
            whose = (message.get("tool_call_id", ""), message.get("name", ""))
            entry = next((entry for entry in waiting if entry[:2] == whose), None)
            if entry is not None:
                waiting.remove(entry)
                turn["tool_call_id"] = entry[2]
        found.append(turn)
    return Rendering(found, tools, [_is_learned(message) for message in messages])


def _as_text(messages: Sequence[Message], tools: list[dict[str, Any]], skills: TemplateSkills) -> Rendering:
    offered = ""
    if tools:
        schemas = "\n".join(json.dumps(tool["function"], ensure_ascii=False) for tool in tools)
        offered = f"{INTRODUCTION}\n<tools>\n{schemas}\n</tools>"
    found: list[dict[str, Any]] = []
    learned: list[bool] = []
    if offered and messages[0]["role"] != "system":
        messages = [{"role": "system", "content": ""}, *messages]
    pending = ""
    for message in messages:
        role, content = message["role"], message["content"]
        if role == "system" and offered:
            content = f"{content}\n\n{offered}".strip()
            if not skills.system:
                pending = content
                continue
        elif role == "tool":
            role, content = "user", f"<tool_response>\n{content}\n</tool_response>"
        elif "tool_calls" in message:
            content = "\n".join(part for part in (content, calls_text(message["tool_calls"])) if part)
        if pending and role == "user":
            content, pending = f"{pending}\n\n{content}", ""
        if role == "user" and found and found[-1]["role"] == "user":
            found[-1]["content"] += f"\n{content}"
            continue
        found.append({"role": role, "content": content})
        learned.append(_is_learned(message))
    return Rendering(found, [], learned)


def render_conversation(
    tokenizer: Any,
    messages: Sequence[Message],
    tools: Sequence[dict[str, Any]] = (),
    *,
    generation_prompt: bool = False,
) -> str:
    """Render a conversation with the tokenizer's chat template.

    Raises:
        InputError: the template refuses it.
    """
    ready = prepare_conversation(tokenizer, messages, tools)
    return render_prepared(tokenizer, ready, generation_prompt=generation_prompt)


def render_prepared(
    tokenizer: Any, ready: Rendering, length: int | None = None, *, generation_prompt: bool = False
) -> str:
    """Render what prepare_conversation returned, or its first ``length`` messages.

    Raises:
        InputError: the template refuses it, in its own words.
    """
    more: dict[str, Any] = {"tools": list(ready.tools)} if ready.tools else {}
    template = tokenizer.chat_template
    if isinstance(template, str) and CLOCK in template:
        more["chat_template"] = told_the_date(template)  # the same text on every day
    messages = [dict(message) for message in ready.messages[:length]]
    try:
        return str(
            tokenizer.apply_chat_template(
                messages, tokenize=False, add_generation_prompt=generation_prompt, **more, **ready.variables
            )
        )
    except Exception as error:  # jinja2 errors of the template's own raise_exception() arrive in several types
        raise InputError(f"the chat template refuses the conversation: {error}") from error
