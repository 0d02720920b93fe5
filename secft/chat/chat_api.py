"""OpenAI's chat protocol, which many servers speak: the body of a request, and a response checked field by field."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Mapping
from typing import Any

from secft.chat.errors import BrokenReplyError
from secft.chat.protocol import Reply, Request
from secft.chat.schema import is_closed, schema_instruction
from secft.files import canonical_json

FINISH = {"stop": "stop", "length": "length", "content_filter": "safety"}


def model_name(said: str) -> str:
    """Return how a server names its model; one that names the file by its path gives the file's name only.

    Paths tell about somebody's machine, and stand in no dataset.
    """
    return re.split(r"[/\\]", said)[-1] if re.match(r"[/~]|[A-Za-z]:[/\\]", said) else said


def request_body(request: Request, parameters: Mapping[str, Any], structured: str) -> dict[str, Any]:
    """Return the JSON body of a request.

    Args:
        request: what is asked.
        parameters: model, temperature, seed and longest reply, as the server names them.
        structured: how JSON is asked for: ``json_schema``, ``json_object`` or ``prompt``.
    """
    body: dict[str, Any] = {**parameters, "messages": [dict(message) for message in request.messages]}
    if request.schema is None:
        return body
    if structured == "json_schema":
        schema = {"name": "reply", "schema": dict(request.schema), "strict": is_closed(request.schema)}
        return {**body, "response_format": {"type": "json_schema", "json_schema": schema}}
    body["messages"] = with_instruction(request)
    if structured == "json_object":
        body["response_format"] = {"type": "json_object"}
    return body


def with_instruction(request: Request) -> list[dict[str, str]]:
    """Return the messages; where JSON is wanted, the last one says so in words."""
    messages = [{"role": message["role"], "content": message["content"]} for message in request.messages]
    if request.schema is not None:
        messages[-1]["content"] += "\n\n" + schema_instruction(request.schema)
    return messages


def read_response(raw: bytes, parameters: Mapping[str, Any]) -> Reply:
    """Return the reply in a response.

    Args:
        raw: body of the response.
        parameters: settings of the request, for provenance.

    Raises:
        BrokenReplyError: it is not what the protocol promises.
    """
    payload = json_object(raw)
    choices = payload.get("choices")
    if not isinstance(choices, list) or not choices or not isinstance(choices[0], dict):
        raise BrokenReplyError("broken reply", "no choices")
    message = choices[0].get("message")
    text = message.get("content") if isinstance(message, dict) else None
    finish = choices[0].get("finish_reason")
    if not isinstance(text, str):
        refused = isinstance(message, dict) and isinstance(message.get("refusal"), str)
        if not refused and finish not in ("length", "content_filter"):
            raise BrokenReplyError("broken reply", "no text")
        text, finish = "", "content_filter" if refused else finish
    usage = payload.get("usage")
    counts = usage if isinstance(usage, dict) else {}
    return Reply(
        text=text,
        model=model_name(str(payload.get("model") or parameters.get("model") or "")),
        prompt_tokens=count_of(counts.get("prompt_tokens")),
        completion_tokens=count_of(counts.get("completion_tokens")),
        finish=FINISH.get(str(finish), str(finish)[:40]),
        digest=hashlib.sha256(raw).hexdigest(),
        parameters=canonical_json(dict(parameters)),
    )


def json_object(raw: bytes) -> dict[str, Any]:
    """Return the JSON object that a response's body holds.

    Raises:
        BrokenReplyError: it holds none.
    """
    try:
        payload = json.loads(raw)
    except (ValueError, RecursionError):
        raise BrokenReplyError("broken reply", "the body is not JSON") from None
    if not isinstance(payload, dict):
        raise BrokenReplyError("broken reply", "the body is not a JSON object")
    return payload


def count_of(value: Any) -> int:
    """Return a count of tokens that a server said; 0 where it is none."""
    return value if isinstance(value, int) and not isinstance(value, bool) and 0 <= value < 1 << 40 else 0
