"""Google's Gemini, asked by the package google-genai."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from secft.chat.chat_api import count_of, json_object
from secft.chat.errors import (
    AccessError,
    BrokenReplyError,
    LlmError,
    NoConnectionError,
    TimedOutError,
    from_status,
    hide,
    redact,
)
from secft.chat.http_bounds import TooLargeError, bounded_client, retry_after, warn_of_open_key
from secft.chat.key import key_source, read_key
from secft.chat.protocol import Reply, Request
from secft.config.schemas.llm import GeminiLlm
from secft.environment import install_command
from secft.errors import MissingExtraError
from secft.files import canonical_json

HOME = "https://generativelanguage.googleapis.com/"

_BLOCKED = ("SAFETY", "PROHIBITED_CONTENT", "BLOCKLIST", "SPII", "RECITATION", "IMAGE_SAFETY")
FINISH = {"STOP": "stop", "MAX_TOKENS": "length", **dict.fromkeys(_BLOCKED, "safety")}
_ROLES = {"user": "user", "assistant": "model"}


class GeminiClient:
    """Asks Gemini."""

    def __init__(self, config: GeminiLlm) -> None:
        try:
            from google import genai
        except ImportError:
            raise MissingExtraError(f"llm=gemini needs the package google-genai: {install_command('gemini')}") from None
        key = read_key(config.api_key_env)
        if key is None:
            raise AccessError(
                "no key", f"llm=gemini needs a key in {key_source(config.api_key_env)}, which is not set."
            )
        self._config, self._key = config, key
        self._address = config.base_url or HOME
        warn_of_open_key(self._address)
        self._http = bounded_client(config.timeout, self._address)
        options = genai.types.HttpOptions(
            base_url=self._address,
            api_version="v1beta",
            timeout=max(1, round(config.timeout * 1000)),
            httpx_client=self._http,
        )
        self._genai = genai.Client(api_key=key, vertexai=False, http_options=options)

    def identity(self) -> Mapping[str, Any]:
        """Return what decides about the replies besides the request."""
        return {"client": "gemini", "base_url": self._address, **self._parameters(None)}

    def ask(self, request: Request) -> Reply:
        """Ask once.

        Raises:
            LlmError: see secft.chat.errors.
        """
        parameters = self._parameters(request.max_tokens)
        reply = read_response(self._post(request, parameters), parameters)
        return replace(reply, text=hide(reply.text, [self._key]), model=redact(reply.model, [self._key]))

    def close(self) -> None:
        """Close the connections."""
        self._genai.close()
        self._http.close()

    def _parameters(self, max_tokens: int | None) -> dict[str, Any]:
        config = self._config
        return {
            "model": config.model,
            "temperature": config.temperature,
            "seed": config.seed,
            "max_output_tokens": max_tokens or config.max_tokens,
        }

    def _post(self, request: Request, parameters: Mapping[str, Any]) -> bytes:
        import httpx
        from google.genai import errors, types

        try:
            response = self._genai.models.generate_content(
                model=self._config.model,
                contents=[
                    {"role": _ROLES[message["role"]], "parts": [{"text": message["content"]}]}
                    for message in request.messages
                    if message["role"] != "system"
                ],
                config=types.GenerateContentConfig(**_generation(request, parameters)),
            )
            return str(response.sdk_http_response.body).encode()
        except errors.APIError as error:
            raise self._status_error(error) from None
        except httpx.TimeoutException:
            raise TimedOutError("time-out", f"no complete answer in {self._config.timeout:g} s") from None
        except httpx.HTTPError as error:
            raise NoConnectionError("no connection", f"{self._address}: {redact(str(error), [self._key])}") from None
        except (TooLargeError, ValueError, AttributeError, TypeError) as error:
            raise BrokenReplyError("broken reply", redact(str(error), [self._key])) from None

    def _status_error(self, error: Any) -> LlmError:
        status = error.code if isinstance(error.code, int) else 500
        message = redact(str(error.message or ""), [self._key])
        if status == 400 and ("API_KEY_INVALID" in str(error.details) or "API key not valid" in message):
            status = 401  # Google calls a wrong key a bad request
        headers = getattr(error.response, "headers", None)
        return from_status(
            status,
            message,
            address=self._address,
            model=self._config.model,
            key_source=key_source(self._config.api_key_env),
            retry_after=retry_after(headers) or _retry_delay(error.details),
        )


def _generation(request: Request, parameters: Mapping[str, Any]) -> dict[str, Any]:
    settings = {name: value for name, value in parameters.items() if name != "model"}
    system = "\n\n".join(message["content"] for message in request.messages if message["role"] == "system")
    if system:
        settings["system_instruction"] = system
    if request.schema is not None:
        settings |= {"response_mime_type": "application/json", "response_json_schema": dict(request.schema)}
    return {**settings, "should_return_http_response": True}


def read_response(raw: bytes, parameters: Mapping[str, Any]) -> Reply:
    """Return the reply in a response; thoughts are paid for, but no part of the text.

    Args:
        raw: body of the response.
        parameters: settings of the request, for provenance.

    Raises:
        BrokenReplyError: it is not what the protocol promises.
    """
    payload = json_object(raw)
    candidates = payload.get("candidates")
    if isinstance(candidates, list) and candidates and isinstance(candidates[0], dict):
        said, finish = _text(candidates[0]), str(candidates[0].get("finishReason") or "STOP")
    else:
        feedback = payload.get("promptFeedback")
        if not isinstance(feedback, dict) or not feedback.get("blockReason"):
            raise BrokenReplyError("broken reply", "no candidates")
        said, finish = "", "SAFETY"
    usage = payload.get("usageMetadata")
    counts = usage if isinstance(usage, dict) else {}
    return Reply(
        text=said,
        model=str(payload.get("modelVersion") or parameters["model"]),
        prompt_tokens=count_of(counts.get("promptTokenCount")),
        completion_tokens=count_of(counts.get("candidatesTokenCount")) + count_of(counts.get("thoughtsTokenCount")),
        finish=FINISH.get(finish, finish.lower()[:40]),
        digest=hashlib.sha256(raw).hexdigest(),
        parameters=canonical_json(dict(parameters)),
    )


def _text(candidate: dict[str, Any]) -> str:
    content = candidate.get("content")
    parts = content.get("parts") if isinstance(content, dict) else None
    spoken = [part for part in parts if isinstance(part, dict) and not part.get("thought")] if parts else []
    return "".join(part["text"] for part in spoken if isinstance(part.get("text"), str))


def _retry_delay(details: Any) -> float | None:
    """Return the wait that Google gives in the body (``retryDelay: "34s"``), or None."""
    found = re.search(r'"retryDelay":\s*"(\d{1,9}(?:\.\d{1,9})?)s"', json.dumps(details, default=str))
    return float(found.group(1)) if found else None
