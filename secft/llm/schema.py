"""JSON replies: asked for in words, parsed strictly, checked against the part of JSON schema that prompts use.

The part: ``type`` (one name), ``properties``, ``required``, ``additionalProperties: false``, ``items``, ``enum``,
``minItems``, ``maxItems`` and ``minLength``.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping
from typing import Any

from secft.llm.errors import ReplyFormatError

MOST_CHARACTERS = 1 << 20
_FENCE = re.compile(r"\A\s*```(?:json|JSON)?[ \t]*\n(.*?)\n?[ \t]*```\s*\Z", re.DOTALL)

_TYPES: Mapping[str, Callable[[Any], bool]] = {
    "object": lambda value: isinstance(value, dict),
    "array": lambda value: isinstance(value, list),
    "string": lambda value: isinstance(value, str),
    "boolean": lambda value: isinstance(value, bool),
    "integer": lambda value: isinstance(value, int) and not isinstance(value, bool),
    "number": lambda value: isinstance(value, int | float) and not isinstance(value, bool),
    "null": lambda value: value is None,
}


def schema_instruction(schema: Mapping[str, Any]) -> str:
    """Return the words that ask for JSON, for servers that cannot be told to obey a schema."""
    text = json.dumps(schema, ensure_ascii=False, sort_keys=True)
    return f"Answer with JSON only, without any other text. It must fulfil this JSON schema:\n{text}"


def parse_json_reply(text: str, schema: Mapping[str, Any] | None = None) -> Any:
    """Parse a reply as JSON; one fence (```json) around the whole of it is allowed.

    Args:
        text: the reply.
        schema: what it must fulfil, or None.

    Returns:
        The value.

    Raises:
        ReplyFormatError: its ``reason`` is one of few classes, ``not JSON``, ``schema: required`` and the like;
            its ``detail`` says where.
    """
    if len(text) > MOST_CHARACTERS:
        raise ReplyFormatError("too long", f"{len(text):,} characters")
    fenced = _FENCE.match(text)
    try:
        value = json.loads(fenced.group(1) if fenced else text, parse_constant=_no_constant)
    except (ValueError, RecursionError) as error:
        raise ReplyFormatError("empty" if not text.strip() else "not JSON", str(error)) from None
    if schema is not None:
        check_schema(value, schema)
    return value


def check_schema(value: Any, schema: Mapping[str, Any], path: str = "$") -> None:
    """Check a JSON value.

    Raises:
        ReplyFormatError: it does not fulfil the schema; the detail names the place, for example ``$.items[2]``.
    """
    kind = schema.get("type")
    if kind is not None and not _TYPES[kind](value):
        raise ReplyFormatError("schema: type", f"{path} is not of type {kind}")
    if "enum" in schema and value not in schema["enum"]:
        raise ReplyFormatError("schema: enum", f"{path} is none of the allowed values")
    if isinstance(value, str) and len(value.strip()) < schema.get("minLength", 0):
        raise ReplyFormatError("schema: minLength", f"{path} is shorter than {schema['minLength']} characters")
    if isinstance(value, dict):
        _check_object(value, schema, path)
    if isinstance(value, list):
        _check_array(value, schema, path)


def _check_object(value: dict[str, Any], schema: Mapping[str, Any], path: str) -> None:
    properties = schema.get("properties", {})
    for name in schema.get("required", ()):
        if name not in value:
            raise ReplyFormatError("schema: required", f"{path} lacks {name!r}")
    for name, item in value.items():
        if name in properties:
            check_schema(item, properties[name], f"{path}.{name}")
        elif schema.get("additionalProperties") is False:
            raise ReplyFormatError("schema: additionalProperties", f"{path} has a property that was not asked for")


def _check_array(value: list[Any], schema: Mapping[str, Any], path: str) -> None:
    low, high = schema.get("minItems", 0), schema.get("maxItems", len(value))
    if len(value) < low:
        raise ReplyFormatError("schema: minItems", f"{path} has {len(value)} items, not {low} or more")
    if len(value) > high:
        raise ReplyFormatError("schema: maxItems", f"{path} has {len(value)} items, not {high} or fewer")
    if "items" in schema:
        for index, item in enumerate(value):
            check_schema(item, schema["items"], f"{path}[{index}]")


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
