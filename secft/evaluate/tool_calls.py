"""Calls of tools that a model writes: found in its text, and compared with the right ones.

Models write calls as JSON in tags, as bare JSON or in lists; whatever stands around it, an object with a name and
arguments is a call. A template that writes calls in another form (XML) is compared by its own text.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from typing import Any

from secft.evaluate.requests import AnswerForm, Write
from secft.records import ToolCall, calls_text

_ARGUMENTS = ("arguments", "parameters")
_CLOSING = re.compile(r"(<[^<>]*>)?")
"""The token that ends a turn; a model's text is without it."""


def written_calls(text: str) -> list[tuple[str, Any]]:
    """Return (name, arguments) of the calls in a text, in order; what is no valid JSON is no call."""
    decoder, found, at = json.JSONDecoder(), [], text.find("{")
    while at >= 0:
        try:
            value, end = decoder.raw_decode(text, at)
        except (ValueError, RecursionError):
            value, end = None, at + 1
        call = _call(value)
        if call is not None:
            found.append(call)
        at = text.find("{", end)
    return found


def _call(value: Any) -> tuple[str, Any] | None:
    if not isinstance(value, dict):
        return None
    inner = value["function"] if isinstance(value.get("function"), dict) else value
    name = inner.get("name")
    arguments = next((inner[key] for key in _ARGUMENTS if key in inner), None)
    if isinstance(arguments, str):
        try:
            arguments = json.loads(arguments)
        except ValueError:
            return None
    return (name, arguments) if isinstance(name, str) and isinstance(arguments, dict) else None


def _canonical(calls: Sequence[tuple[str, Any]]) -> list[str]:
    """Return calls in a form in which equal ones are equal; those of one turn are asked for at once, in any order."""
    return sorted(json.dumps([name, arguments], sort_keys=True, ensure_ascii=False) for name, arguments in calls)


def _pairs(calls: Sequence[ToolCall]) -> list[tuple[str, Any]]:
    return [(call["function"]["name"], call["function"]["arguments"]) for call in calls]


class ExactCalls(AnswerForm):
    """The model writes; right is the same tool with the same arguments, for every call of the turn."""

    def settings(self) -> dict[str, Any]:
        """Ask for a text, greedily."""
        return Write.asked()

    def read(self, sample: Mapping[str, Any]) -> dict[str, Any]:
        """Keep the text, whether its calls are the right ones, and whether at least their tools are."""
        text, doc = sample["filtered_resps"][0], sample["doc"]
        wanted, calls = _pairs(doc["calls"]), written_calls(text)
        if _canonical(written_calls(doc["target"])) == _canonical(wanted):
            right = bool(calls) and _canonical(calls) == _canonical(wanted)
            named = sorted(name for name, _ in calls) == sorted(name for name, _ in wanted)
        else:  # the template writes no JSON
            right = _same_text(text, doc["target"])
            named = right or all(name in text for name, _ in wanted)
        return {"text": text, "correct": right, "named": named}

    def gold(self, question: Mapping[str, Any]) -> dict[str, Any]:
        """Tell the right calls."""
        return {"gold": calls_text(question["calls"])}


def _same_text(text: str, target: str) -> bool:
    said, wanted = "".join(text.split()), "".join(target.split())
    return bool(said) and wanted.startswith(said) and _CLOSING.fullmatch(wanted[len(said) :]) is not None
