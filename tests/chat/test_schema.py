"""JSON replies: strict, with reasons."""

from __future__ import annotations

from typing import Any

import pytest

from secft.chat.errors import ReplyFormatError
from secft.chat.schema import is_closed, parse_json_reply

SCHEMA: dict[str, Any] = {
    "type": "object",
    "properties": {
        "kind": {"type": "string", "enum": ["a", "b"]},
        "score": {"type": "integer"},
        "turns": {
            "type": "array",
            "minItems": 1,
            "maxItems": 2,
            "items": {
                "type": "object",
                "properties": {"text": {"type": "string", "minLength": 3}},
                "required": ["text"],
                "additionalProperties": False,
            },
        },
    },
    "required": ["kind", "turns"],
    "additionalProperties": False,
}
GOOD = '{"kind": "a", "turns": [{"text": "abc"}]}'


@pytest.mark.parametrize("text", [GOOD, f"```json\n{GOOD}\n```", f"\n  ```\n{GOOD}\n```  \n", f"  {GOOD}\n"])
def test_good_replies(text: str) -> None:
    assert parse_json_reply(text, SCHEMA) == {"kind": "a", "turns": [{"text": "abc"}]}


@pytest.mark.parametrize(
    ("text", "reason", "detail"),
    [
        ("", "empty", ""),
        ("  \n", "empty", ""),
        (f"Sure! {GOOD}", "not JSON", ""),
        (GOOD + GOOD, "not JSON", ""),
        (f"```json\n{GOOD}\n```\n```json\n{GOOD}\n```", "not JSON", ""),
        (GOOD[:-5], "not JSON", ""),
        ('{"score": NaN}', "not JSON", "NaN"),
        ("[" * 200_000, "not JSON", ""),
        ("x" * 2_000_000, "too long", ""),
        ("[]", "schema: type", '$: does not fulfil type = "object"'),
        ('{"kind": "a"}', "schema: required", "$: lacks turns"),
        ('{"kind": "c", "turns": [{"text": "abc"}]}', "schema: enum", "$.kind"),
        ('{"kind": 1, "turns": [{"text": "abc"}]}', "schema: type", "$.kind"),
        ('{"kind": "a", "score": true, "turns": [{"text": "abc"}]}', "schema: type", "$.score"),
        ('{"kind": "a", "score": 1.5, "turns": [{"text": "abc"}]}', "schema: type", "$.score"),
        ('{"kind": "a", "turns": []}', "schema: minItems", "$.turns"),
        ('{"kind": "a", "turns": [{"text": "abc"}, {"text": "abc"}, {"text": "abc"}]}', "schema: maxItems", "$.turns"),
        ('{"kind": "a", "turns": [{"text": "abc"}, {"text": " a  "}]}', "schema: minLength", "$.turns[1].text"),
        ('{"kind": "a", "turns": [{"text": "abc", "x": 1}]}', "schema: additionalProperties", "$.turns[0]"),
        ('{"kind": "a", "turns": [{}]}', "schema: required", "$.turns[0]"),
    ],
    ids=lambda value: value[:20],
)
def test_bad_replies(text: str, reason: str, detail: str) -> None:
    with pytest.raises(ReplyFormatError) as caught:
        parse_json_reply(text, SCHEMA)
    assert caught.value.reason == reason
    assert detail in caught.value.detail


def test_only_closed_schemas_are_strict() -> None:
    turn = SCHEMA["properties"]["turns"]
    assert is_closed(turn)
    assert not is_closed(SCHEMA)  # score is optional
    assert not is_closed({"type": "object", "properties": {"turn": {"type": "object"}}, "required": ["turn"]})
