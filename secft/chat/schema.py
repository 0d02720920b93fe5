"""JSON replies: asked for in words, found in what a model writes around them, checked against a JSON schema.

Servers that do not enforce a schema answer as the model likes to: with its thoughts before (``<think>``), a sentence,
a code fence. The one JSON value in such a reply is taken; where there are several, nobody knows which one is meant.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from functools import cache
from typing import Any

from secft.chat.errors import ReplyFormatError

MOST_CHARACTERS = 1 << 20
MOST_STARTS = 200
"""Places where a JSON value may begin that are tried."""
_THOUGHTS = re.compile(r"\A.*?</(?:think|thinking|thought|reasoning)>", re.DOTALL)
"""The tag that opens them may stand in the prompt."""
_START = re.compile(r"[{\[]")


def schema_instruction(schema: Mapping[str, Any]) -> str:
    """Return the words that ask for JSON, for servers that cannot be told to obey a schema."""
    text = json.dumps(schema, ensure_ascii=False, sort_keys=True)
    return f"Answer with JSON only, without any other text. It must fulfil this JSON schema:\n{text}"


def parse_json_reply(text: str, schema: Mapping[str, Any] | None = None) -> Any:
    """Find the JSON value of a reply.

    Args:
        text: the reply.
        schema: what it must fulfil, or None.

    Returns:
        The value.

    Raises:
        ReplyFormatError: its ``reason`` is one of few classes, ``not JSON``, ``several JSON values``,
            ``schema: required`` and the like;
            its ``detail`` says where.
    """
    if len(text) > MOST_CHARACTERS:
        raise ReplyFormatError("too long", f"{len(text):,} characters")
    try:
        value = json.loads(text, parse_constant=_no_constant)
    except (ValueError, RecursionError) as error:
        said = _THOUGHTS.sub("", text, count=1)
        values, broken = _values(said)
        fitting = values if schema is None else [value for value in values if _validator()(schema).is_valid(value)]
        if fitting:
            return _only(fitting)
        if not values or broken:
            raise ReplyFormatError("empty" if not said.strip() else "not JSON", str(error)) from None
        value = values[0]
    if schema is not None:
        check_schema(value, schema)
    return value


def _values(text: str) -> tuple[list[Any], bool]:
    """Return the objects and lists that stand in a text, not those inside of others, and whether one is broken."""
    decoder = json.JSONDecoder(parse_constant=_no_constant)
    found, place, broken = [], 0, False
    for _ in range(MOST_STARTS):
        start = _START.search(text, place)
        if start is None:
            break
        try:
            value, place = decoder.raw_decode(text, start.start())
            found.append(value)
        except (ValueError, RecursionError):
            place, broken = start.end(), True
    return found, broken


def _only(values: Sequence[Any]) -> Any:
    """Return the one value; values that say the same count as one."""
    if any(value != values[0] for value in values[1:]):
        raise ReplyFormatError("several JSON values", f"{len(values)} of them")
    return values[0]


def check_schema(value: Any, schema: Mapping[str, Any]) -> None:
    """Check a JSON value.

    Raises:
        ReplyFormatError: it does not fulfil the schema; the detail names the place, for example ``$.items[2]``.
    """
    error = next(_validator()(schema).iter_errors(value), None)
    if error is not None:
        raise ReplyFormatError(f"schema: {error.validator}", f"{error.json_path}: {_what(error)}")


def _what(error: Any) -> str:
    """Return what is wrong, without the value: a reply may hold anything."""
    if error.validator == "required":
        return f"lacks {', '.join(name for name in error.validator_value if name not in error.instance)}"
    if error.validator == "additionalProperties":
        return "has a property that was not asked for"
    return f"does not fulfil {error.validator} = {json.dumps(error.validator_value, ensure_ascii=False)[:100]}"


@cache
def _validator() -> Any:
    """Return jsonschema's validator, for which white space is no text; importing it takes a tenth of a second."""
    from jsonschema import Draft202012Validator, ValidationError
    from jsonschema.validators import extend

    def min_length(validator: Any, least: int, value: Any, schema: Any) -> Iterator[ValidationError]:
        if isinstance(value, str) and len(value.strip()) < least:
            yield ValidationError(f"is shorter than {least} characters")

    return extend(Draft202012Validator, {"minLength": min_length})


def is_closed(schema: Mapping[str, Any]) -> bool:
    """Tell whether every object of a schema requires all its properties and allows no others (OpenAI's strict mode)."""
    parts = [*schema.get("properties", {}).values(), *([schema["items"]] if "items" in schema else [])]
    if schema.get("type") == "object":
        named = set(schema.get("properties", {}))
        if schema.get("additionalProperties") is not False or set(schema.get("required", ())) != named:
            return False
    return all(is_closed(part) for part in parts)


def _no_constant(name: str) -> Any:
    raise ValueError(f"{name} is no JSON")
