"""Calls of tools, and the tools that are offered, in OpenAI's form."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from secft.dataset.sources.reading.bad_record import BadRecordError, normal
from secft.dataset.sources.reading.json_values import clean
from secft.reasons import Reason
from secft.records import ToolCall, tool_call

_ARGUMENTS = ("arguments", "args", "parameters", "input")
_SCHEMAS = ("parameters", "input_schema", "inputSchema")


def parsed(value: Any, reason: Reason) -> Any:
    """Return what a string of JSON holds, or a value that is no string as it is.

    Raises:
        BadRecordError: the string is no JSON.
    """
    if not isinstance(value, str):
        return value
    try:
        return json.loads(value)
    except (ValueError, RecursionError):
        raise BadRecordError(reason) from None


def arguments_of(value: Any) -> dict[str, Any]:
    """Return the arguments of a call, an object or a string of JSON, as an object.

    Raises:
        BadRecordError: they are something else.
    """
    if value is None or value == "":
        return {}
    found = parsed(value, Reason("turn.arguments"))
    if not isinstance(found, dict):
        raise BadRecordError(Reason("turn.arguments"))
    return dict(normal(found))


def call_of(value: Any) -> ToolCall:
    """Return one call, whose name and arguments may stand under ``function`` or beside each other.

    Raises:
        BadRecordError: it has no name, or its arguments are no object.
    """
    outer = value if isinstance(value, Mapping) else {}
    inner = outer["function"] if isinstance(outer.get("function"), Mapping) else outer
    name = inner.get("name") if isinstance(inner.get("name"), str) else outer.get("function", outer.get("tool_name"))
    if not isinstance(name, str) or not name.strip():
        raise BadRecordError(Reason("turn.unnamed_call"))
    given = next((inner[key] for key in _ARGUMENTS if inner.get(key) is not None), None)
    identifier = outer.get("id")
    has_id = isinstance(identifier, str | int) and not isinstance(identifier, bool)
    return tool_call(clean(name).strip(), arguments_of(given), clean(str(identifier)) if has_id else "")


def calls_of(value: Any) -> list[ToolCall]:
    """Return calls: a list, one object, or either as a string of JSON.

    Raises:
        BadRecordError: see call_of; or it is something else.
    """
    found = parsed(value, Reason("turn.calls_not_list"))
    if isinstance(found, Mapping):
        found = [found]
    if found is not None and not isinstance(found, list):
        raise BadRecordError(Reason("turn.calls_not_list"))
    return [call_of(item) for item in found or []]


def tools_of(value: Any) -> list[dict[str, Any]]:
    """Return the offered tools: a list of OpenAI's, of Anthropic's or of bare schemas, or either as a string of JSON.

    Raises:
        BadRecordError: it is something else, or a tool has no name.
    """
    if value is None or value == "":
        return []
    found = parsed(value, Reason("turn.tools"))
    if isinstance(found, Mapping):
        found = [found]
    if not isinstance(found, list):
        raise BadRecordError(Reason("turn.tools"))
    return [_tool(parsed(item, Reason("turn.tools"))) for item in found]


def _tool(value: Any) -> dict[str, Any]:
    if not isinstance(value, Mapping):
        raise BadRecordError(Reason("turn.tools"))
    inner = value["function"] if isinstance(value.get("function"), Mapping) else value
    if not isinstance(inner.get("name"), str) or not inner["name"].strip():
        raise BadRecordError(Reason("turn.tools"))
    schema = next((inner[key] for key in _SCHEMAS if inner.get(key) is not None), None)
    function = {key: item for key, item in inner.items() if key not in (*_SCHEMAS, "type")}
    if schema is not None:
        function["parameters"] = parsed(schema, Reason("turn.tools"))
    return {"type": "function", "function": dict(normal(function))}
