"""What can go wrong when a model is asked.

Clients raise these and nothing else. What is worth another attempt is a TransientError; what concerns one request
only is a RefusedError; what will be the same for every request is a FatalError and ends the run. No message holds a
key: clients pass everything that a server said through ``redact``.
"""

from __future__ import annotations

from collections.abc import Iterable

from secft.errors import InputError, SecftError

REDACTED = "[redacted]"
_MOST_DETAIL = 300


class LlmError(SecftError):
    """Base of all errors of asking a model.

    Attributes:
        reason: a class of failures for counts, for example ``server error 500``.
        detail: about this one.
    """

    def __init__(self, reason: str, detail: str = "") -> None:
        super().__init__(f"{reason}: {detail}" if detail else reason)
        self.reason = reason
        self.detail = detail


class TransientError(LlmError):
    """Another attempt may succeed.

    Attributes:
        retry_after: seconds that the server asks to wait, or None.
        billed: the server may have worked on it, and may charge for it.
    """

    billed = False

    def __init__(self, reason: str, detail: str = "", retry_after: float | None = None) -> None:
        super().__init__(reason, detail)
        self.retry_after = retry_after


class RateLimitedError(TransientError):
    """The server wants fewer requests or tokens (429)."""


class ServerFaultError(TransientError):
    """The server failed (5xx)."""


class NoConnectionError(TransientError):
    """The server cannot be reached, or the connection broke."""


class TimedOutError(TransientError):
    """No complete answer came in time."""

    billed = True


class BrokenReplyError(TransientError):
    """The server's answer is not what its protocol promises."""

    billed = True


class RefusedError(LlmError):
    """This one request cannot be answered, for example because it is too long."""


class NotTakenError(RefusedError):
    """The server does not take this request as it is; where it takes none, configuration and server do not fit."""


class FatalError(LlmError):
    """No request can succeed; the run stops at once."""


class AccessError(FatalError, InputError):
    """The configuration does not fit the server: wrong key, unknown model, no credit left, broken model file."""

    exit_code = InputError.exit_code


class BudgetError(InputError):
    """The next request would exceed the budget; what was answered is kept."""


class ReplyFormatError(LlmError, ValueError):
    """A reply's text is not the JSON that was asked for."""


def whole(text: str) -> str:
    """Return a text in which halves of characters (JSON can hold them, files cannot) are question marks."""
    return text.encode("utf-8", "replace").decode("utf-8")


def redact(text: str, secrets: Iterable[str]) -> str:
    """Return a text without any of the secrets, shortened to what a message can hold."""
    return hide(text, secrets)[:_MOST_DETAIL]


def hide(text: str, secrets: Iterable[str]) -> str:
    """Return a text without any of the secrets, and without what is no Unicode."""
    for secret in secrets:
        if secret:
            text = text.replace(secret, REDACTED)
    return whole(text)


def from_status(
    status: int, detail: str, *, address: str, model: str, key_source: str, retry_after: float | None = None
) -> LlmError:
    """Return the error for a status of HTTP other than success.

    Args:
        status: for example 429.
        detail: what the server said, without secrets.
        address: where the server is.
        model: the asked model.
        key_source: where the key comes from, for example ``the environment variable OPENAI_API_KEY``.
        retry_after: seconds that the server asks to wait, or None.
    """
    if status in (401, 403):
        return AccessError(
            f"access refused {status}", f"{address} does not accept the key. It is read from {key_source}."
        )
    if status == 404:
        said = f"{address} does not know the model {model!r}, or is not the address of the API: {detail}"
        return AccessError("unknown model 404", said)
    if 300 <= status < 400:
        return AccessError(
            f"redirected {status}", f"{address} points elsewhere; keys are not sent on. Set base_url anew."
        )
    if status == 429:
        return RateLimitedError("rate limited 429", detail, retry_after)
    if status in (408, 504):
        return TimedOutError(f"time-out {status}", detail, retry_after)
    if status == 409 or status >= 500:
        return ServerFaultError(f"server error {status}", detail, retry_after)
    return NotTakenError(f"request refused {status}", detail)
