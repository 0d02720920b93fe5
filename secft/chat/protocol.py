"""What is asked of a model and what it answers, the same for every client."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from secft.records import Message


@dataclass(frozen=True)
class Request:
    """One question to a model.

    Attributes:
        messages: the conversation so far; the last message is the user's.
        schema: JSON schema that the reply must fulfil, or None for free text.
        max_tokens: longest reply, in tokens of the asked model; None takes the one of the configuration.
        purpose: name and version of the prompt, for example ``question_answer/1``; for provenance and counts.
    """

    messages: tuple[Message, ...]
    schema: Mapping[str, Any] | None = None
    max_tokens: int | None = None
    purpose: str = ""


@dataclass(frozen=True)
class Reply:
    """One answer of a model.

    Attributes:
        text: what it said.
        model: model as the server names it.
        prompt_tokens: tokens of the request as the server counts them; 0 where it does not say.
        completion_tokens: tokens of the reply.
        finish: ``stop``, or ``length`` where the reply was cut, or what else the server says (``safety``).
        digest: SHA-256 of the raw response.
        parameters: settings of the request (temperature, seed, max_tokens, ...) as canonical JSON.
        cached: it came from the cache; nothing was asked.
    """

    text: str
    model: str
    prompt_tokens: int
    completion_tokens: int
    finish: str
    digest: str
    parameters: str
    cached: bool = False


@dataclass(frozen=True)
class Failure:
    """A request that got no usable answer after all attempts.

    Attributes:
        reason: a class of failures for counts, for example ``time-out`` or ``server error 500``.
        detail: about this one.
    """

    reason: str
    detail: str = ""


class AnsweringModel(Protocol):
    """A model that answers prompts and scores answers: what an evaluation asks, wherever the model runs."""

    def answer(self, contexts: Sequence[str], max_new_tokens: int) -> list[str]:
        """Continue rendered prompts, greedily.

        Args:
            contexts: prompts, rendered with the model's chat template.
            max_new_tokens: longest answer.
        """
        ...

    def log_likelihoods(self, pairs: Sequence[tuple[str, str]]) -> list[tuple[float, bool]]:
        """Score continuations.

        Args:
            pairs: (context, continuation) texts.

        Returns:
            Per pair the log-likelihood in nats, and whether each token of it is the likeliest.
        """
        ...


class Client(Protocol):
    """A way to ask one kind of server or library; raises errors of secft.chat.errors."""

    def ask(self, request: Request) -> Reply:
        """Ask once, without retries, cache or limits; safe to call from several threads."""
        ...

    def identity(self) -> Mapping[str, Any]:
        """Return what decides about the replies besides the request: client, model, digest of weights, parameters."""
        ...

    def close(self) -> None:
        """Release what the client holds."""
        ...
