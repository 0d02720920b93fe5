"""What a reader raises for one record that it cannot use, and JSON of records as it can be written again."""

from __future__ import annotations

import json
from typing import Any

from secft.dataset.sources.reading.json_values import clean
from secft.reasons import Reason

MAX_DEPTH = 32
"""Deepest nesting of arguments, results and schemas."""


class BadRecordError(ValueError):
    """A record that cannot be used.

    Attributes:
        reason: why not.
    """

    def __init__(self, reason: Reason) -> None:
        self.reason = reason
        super().__init__(reason.text())


def as_json(value: Any) -> str:
    """Return the JSON of a value that came out of JSON, as people write it.

    Raises:
        BadRecordError: it is nested too deeply.
    """
    if _depth(value) > MAX_DEPTH:
        raise BadRecordError(Reason("record.too_deep"))
    return clean(json.dumps(value, ensure_ascii=False, allow_nan=True))


def _depth(value: Any) -> int:
    """Return how deeply a value is nested, at most one more than allowed."""
    level, depth = [value], 0
    while level and depth <= MAX_DEPTH:
        level = [
            inner
            for item in level
            if isinstance(item, dict | list)
            for inner in (item.values() if isinstance(item, dict) else item)
        ]
        depth += 1
    return depth


def normal(value: Any) -> Any:
    """Return JSON that can be written again: no lone surrogates, no NaN.

    Raises:
        BadRecordError: it is nested too deeply.
    """
    return json.loads(as_json(value), parse_constant=str)


def text_of(value: Any) -> str:
    """Return a value as text: strings as they are, other JSON as JSON, nothing as an empty string."""
    if value is None:
        return ""
    return clean(value).strip() if isinstance(value, str) else as_json(value)
