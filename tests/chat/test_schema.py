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


@pytest.mark.parametrize(
    "text",
    [
        GOOD,
        f"```json\n{GOOD}\n```",
        f"\n  ```\n{GOOD}\n```  \n",
        f"  {GOOD}\n",
        f"Sure! {GOOD}",
        f"{GOOD}\nI hope that this helps.",
        f"<think>\nThe kind {{a}} fits, [1] too.\n</think>\n\n{GOOD}",
        f"the kind is a</think>{GOOD}",
        f'<thinking>{{"kind": "b", "turns": []}}</thinking> {GOOD}',
        f"As [1] says, {{kind}} is a:\n```json\n{GOOD}\n```\nDone.",
        f'An example is {{"kind": 3}}; the answer: {GOOD}',
        GOOD + GOOD,
    ],
)
def test_good_replies(text: str) -> None:
    assert parse_json_reply(text, SCHEMA) == {"kind": "a", "turns": [{"text": "abc"}]}


@pytest.mark.parametrize(
    ("text", "reason", "detail"),
    [
        ("", "empty", ""),
        ("  \n", "empty", ""),
        (GOOD + GOOD.replace("abc", "def"), "several JSON values", "2"),
        ("<think>endless thoughts about {kind", "not JSON", ""),
        ("<think>thoughts</think>", "empty", ""),
        ('Sure! {"kind": "a"}', "schema: required", "$: lacks turns"),
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


def test_the_tag_of_thoughts_may_stand_in_an_answer() -> None:
    text = '{"kind": "a", "turns": [{"text": "A model closes its thoughts by </think>."}]}'
    assert parse_json_reply(text, SCHEMA)["turns"][0]["text"].endswith("</think>.")


def test_only_closed_schemas_are_strict() -> None:
    turn = SCHEMA["properties"]["turns"]
    assert is_closed(turn)
    assert not is_closed(SCHEMA)  # score is optional
    assert not is_closed({"type": "object", "properties": {"turn": {"type": "object"}}, "required": ["turn"]})
