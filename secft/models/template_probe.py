"""What a chat template does with a few conversations, found out in a process of its own, with limits.

A template is a program that somebody else wrote: it may not end, fill the memory, or write without end. That it refuses
some conversations is its right, and which ones is read off here.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, Literal

from secft.process import Worker

SECONDS, MEMORY = 10.0, 512 << 20
MOST_RENDERED = 1 << 20
"""Characters that a template may make of conversations of a few sentences."""
SWITCH = "enable_thinking"
"""The variable by which templates of models that think are told not to."""
Conversation = list[dict[str, Any]]


@dataclass(frozen=True)
class TemplateTraits:
    """What a chat template does.

    Attributes:
        fault: why it cannot be used, or an empty string; then nothing else is known.
        system: what becomes of a system message: it is ``rendered``, ``refused``, ``ignored`` everywhere, or
            ``dropped`` once its question is answered.
        thinks: the variable enable_thinking changes how an answer is asked for.
        parts: contents are lost as texts and rendered as lists of parts.
        prefix: how an answer is asked for is the beginning of the answered conversation.
        ended: something stands after an answer, so that a model can learn where it ends.
        answered: a question and its answer as the template renders them; empty where it refuses them.
    """

    fault: str = ""
    system: Literal["rendered", "refused", "ignored", "dropped"] = "rendered"
    thinks: bool = False
    parts: bool = False
    prefix: bool = True
    ended: bool = True
    answered: str = ""


def template_fault(template: str) -> str:
    """Return why a chat template cannot be used, or an empty string.

    It renders a few conversations in a process of its own. That it refuses some of them is its right; that it does not
    end, fills the memory, or writes without end is not.
    """
    return template_traits(template).fault


@lru_cache(maxsize=32)
def template_traits(template: str) -> TemplateTraits:
    """Find out what a chat template does with short and long conversations."""
    with Worker(_probe, SECONDS, MEMORY) as worker:
        outcome = worker.run(template)
    reasons = {
        "timed_out": f"does not end within {SECONDS:g} s for a few short conversations",
        "out_of_memory": "needs more memory than a few short conversations can need",
        "crashed": f"ends the process that renders it ({outcome.detail})",
        "failed": f"cannot be read ({outcome.detail[:200]})",
    }
    if outcome.failure or outcome.value is None:
        return TemplateTraits(f"the chat template {reasons.get(outcome.failure, 'cannot be read')}")
    return outcome.value


def _probe(template: str) -> TemplateTraits:
    """Compile a template and render conversations."""
    import jinja2

    try:
        compiled = _environment().from_string(template)
    except jinja2.TemplateError as error:
        return TemplateTraits(f"the chat template is not valid Jinja ({error})")
    fault = _limits_fault(compiled)
    return TemplateTraits(f"the chat template {fault}") if fault else _traits(compiled)


def _environment() -> Any:
    """Return the environment in which transformers renders chat templates, without a clock."""
    import jinja2
    from jinja2.ext import Extension, loopcontrols
    from jinja2.sandbox import ImmutableSandboxedEnvironment

    class Generation(Extension):
        """The blocks that mark what is trained on; here they are only passed through."""

        tags = {"generation"}  # noqa: RUF012

        def parse(self, parser: Any) -> Any:
            next(parser.stream)
            return parser.parse_statements(("name:endgeneration",), drop_needle=True)

    def refuse(message: str) -> None:
        raise jinja2.TemplateError(message)

    environment = ImmutableSandboxedEnvironment(
        trim_blocks=True, lstrip_blocks=True, extensions=[Generation, loopcontrols]
    )
    environment.filters["tojson"] = lambda value, **_: json.dumps(value)
    environment.globals.update(raise_exception=refuse, strftime_now=lambda form: "01 Jan 2026")
    return environment


def _limits_fault(compiled: Any) -> str:
    for messages in _conversations():
        for more in ({}, {"tools": _TOOLS}):
            try:
                parts = compiled.generate(messages=messages, add_generation_prompt=True, **_SIGNS, **more)
                length = 0
                for part in parts:
                    length += len(part)
                    if length > MOST_RENDERED:
                        return f"writes more than {MOST_RENDERED:,} characters for a few short messages"
            except MemoryError:
                return "needs more memory than a few short conversations can need"
            except Exception:  # noqa: BLE001, S112  # a template may refuse a conversation, in its own words and types
                continue
    return ""


_SIGNS = {"bos_token": "<s>", "eos_token": "</s>"}
_TOOLS = [
    {
        "type": "function",
        "function": {
            "name": "look_up",
            "description": "Looks up a weakness.",
            "parameters": {"type": "object", "properties": {"id": {"type": "string"}}, "required": ["id"]},
        },
    }
]
_ASK, _REPLY = {"role": "user", "content": "What is CWE-79?"}, {"role": "assistant", "content": "A weakness. " * 20}
_SYSTEM = {"role": "system", "content": "Answer precisely."}


def _conversations() -> Iterator[Conversation]:
    """Yield short and long conversations, with and without system message, with a call and its result."""
    call = {"id": "call00001", "type": "function", "function": {"name": "look_up", "arguments": {"id": "CWE-79"}}}
    result = {"role": "tool", "name": "look_up", "tool_call_id": "call00001", "content": "Cross-site scripting"}
    yield [_ASK]
    yield [_ASK, _REPLY]
    yield [_SYSTEM, _ASK, _REPLY]
    yield [_SYSTEM, *([_ASK, _REPLY] * 20)]
    yield [_ASK, {"role": "assistant", "content": "", "tool_calls": [call]}, result, _REPLY]
    yield [{"role": "user", "content": "log line\n" * 500}, _REPLY]


def _traits(compiled: Any) -> TemplateTraits:
    texts = _whole(compiled, [_ASK, _REPLY], parts=False)
    listed = _whole(compiled, [_ASK, _REPLY], parts=True)
    parts = _lacks(texts, _ASK) and not _lacks(listed, _ASK) and not _lacks(listed, _REPLY)
    whole, prompt = listed if parts else texts, _prompt(compiled, [_ASK], parts)
    if whole is None or prompt is None:
        return TemplateTraits()
    tail = whole.rpartition(_REPLY["content"].strip())[2]
    return TemplateTraits(
        system=_system(compiled, parts),
        thinks=_prompt(compiled, [_ASK], parts, **{SWITCH: False}) != prompt,
        parts=parts,
        prefix=whole.startswith(prompt),
        ended=bool(tail.strip()),
        answered=whole,
    )


def _system(compiled: Any, parts: bool) -> Literal["rendered", "refused", "ignored", "dropped"]:
    whole = _whole(compiled, [_SYSTEM, _ASK, _REPLY], parts)
    prompt = _prompt(compiled, [_SYSTEM, _ASK], parts)
    if whole is None or prompt is None:
        return "refused"
    if not _lacks(whole, _SYSTEM):
        return "rendered"
    return "ignored" if _lacks(prompt, _SYSTEM) else "dropped"


def _lacks(text: str | None, message: dict[str, Any]) -> bool:
    return text is None or message["content"].strip() not in text


def _whole(compiled: Any, messages: Conversation, parts: bool) -> str | None:
    return _rendered(compiled, messages, parts, add_generation_prompt=False)


def _prompt(compiled: Any, messages: Conversation, parts: bool, **more: Any) -> str | None:
    return _rendered(compiled, messages, parts, add_generation_prompt=True, **more)


def _rendered(compiled: Any, messages: Conversation, parts: bool, **more: Any) -> str | None:
    if parts:
        messages = [{**one, "content": [{"type": "text", "text": one["content"]}]} for one in messages]
    try:
        return str(compiled.render(messages=messages, **_SIGNS, **more))
    except Exception:  # noqa: BLE001  # as in _limits_fault
        return None
