"""Any server that speaks OpenAI's chat API, asked by the package openai: vLLM, Ollama, llama-server, OpenAI itself."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any
from urllib.parse import urlsplit

from secft.chat.chat_api import read_response, request_body
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
from secft.config.schemas.llm import OpenAiLlm
from secft.environment import install_command
from secft.errors import MissingExtraError

NO_KEY = "no-key"
"""Sent where no key is set: local servers ignore it, the package insists on one."""


class OpenAiClient:
    """Asks a server of OpenAI's chat API."""

    def __init__(self, config: OpenAiLlm) -> None:
        try:
            import openai
        except ImportError:
            raise MissingExtraError(f"llm=openai needs the package openai: {install_command('openai')}") from None
        self._config = config
        self._key = read_key(config.api_key_env)
        self._http = bounded_client(config.timeout, config.base_url)
        if self._key:
            warn_of_open_key(config.base_url)
        self._openai = openai.OpenAI(
            api_key=self._key or NO_KEY,
            base_url=config.base_url,
            max_retries=0,
            timeout=config.timeout,
            http_client=self._http,
        )

    def identity(self) -> Mapping[str, Any]:
        """Return what decides about the replies besides the request."""
        config = self._config
        return {
            "client": "openai",
            "base_url": config.base_url,
            "structured": config.structured,
            **self._parameters(None),
        }

    def ask(self, request: Request) -> Reply:
        """Ask once.

        Raises:
            LlmError: see secft.chat.errors.
        """
        parameters = self._parameters(request.max_tokens)
        body = request_body(request, parameters, self._config.structured)
        reply = read_response(self._post(body), parameters)
        secrets = self._secrets()
        return replace(reply, text=hide(reply.text, secrets), model=redact(reply.model, secrets))

    def close(self) -> None:
        """Close the connections."""
        self._openai.close()

    def _parameters(self, max_tokens: int | None) -> dict[str, Any]:
        config = self._config
        # OpenAI's newer models know the newer name only, other servers often only the older one.
        official = urlsplit(config.base_url).hostname == "api.openai.com"
        return {
            "model": config.model,
            "temperature": config.temperature,
            "seed": config.seed,
            "max_completion_tokens" if official else "max_tokens": max_tokens or config.max_tokens,
        }

    def _post(self, body: dict[str, Any]) -> bytes:
        import openai

        try:
            return bytes(self._openai.chat.completions.with_raw_response.create(**body).content)
        except openai.APITimeoutError:
            raise TimedOutError("time-out", f"no complete answer in {self._config.timeout:g} s") from None
        except openai.APIStatusError as error:
            raise self._status_error(error) from None
        except openai.APIConnectionError as error:
            cause = redact(str(error.__cause__ or error), self._secrets())
            raise NoConnectionError("no connection", f"{self._config.base_url}: {cause}") from None
        except (openai.OpenAIError, TooLargeError, ValueError) as error:
            raise BrokenReplyError("broken reply", redact(str(error), self._secrets())) from None

    def _status_error(self, error: Any) -> LlmError:
        if getattr(error, "code", None) == "insufficient_quota":
            return AccessError("no credit left", f"{self._config.base_url} says that the account has no credit left.")
        return from_status(
            error.status_code,
            redact(_message(error), self._secrets()),
            address=self._config.base_url,
            model=self._config.model,
            key_source=key_source(self._config.api_key_env) + ("" if self._key else ", which is not set"),
            retry_after=retry_after(error.response.headers),
        )

    def _secrets(self) -> list[str]:
        return [self._key] if self._key else []


def _message(error: Any) -> str:
    """Return what the server said; the package's own message has the status in it."""
    said = error.body.get("message") if isinstance(error.body, dict) else None
    return str(said or error.message)
