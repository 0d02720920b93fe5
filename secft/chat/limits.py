"""How fast may be asked (the server's limits) and how much (the user's budget)."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable

from secft.chat.budget import Budget, Price, Use
from secft.chat.protocol import Request
from secft.config.schemas.llm import LlmConfig

CHARACTERS_PER_TOKEN = 4
_OVERHEAD_TOKENS = 8


def estimated_tokens(text: str) -> int:
    """Estimate the tokens of a text: one for four characters."""
    return -(-len(text) // CHARACTERS_PER_TOKEN)


def prompt_estimate(request: Request) -> int:
    """Estimate the tokens of a request's messages and schema."""
    text = "".join(message["content"] for message in request.messages) + str(request.schema or "")
    return estimated_tokens(text) + _OVERHEAD_TOKENS


class RateLimit:
    """A token bucket: so many units a minute, evenly, with a burst of at most one second's worth (or one unit).

    Own code: a reply's real use is known only afterwards, and neither aiolimiter nor pyrate-limiter lets a caller give
    back or owe the difference (``settle``), or wait with a clock and a sleep that a session can end.

    What is larger than the bucket is let through when the bucket is full and leaves a debt that time pays back, so that
    no minute exceeds the rate by more than one such piece.
    """

    def __init__(
        self,
        per_minute: float,
        clock: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self._rate = per_minute / 60.0
        self._size = max(1.0, self._rate)
        self._clock, self._sleep = clock, sleep
        self._level, self._filled = self._size, clock()
        self._lock = threading.Lock()

    def take(self, amount: float) -> None:
        """Wait until so much may be used, and use it."""
        while (missing := self._try(amount)) > 0:
            self._sleep(missing / self._rate)

    def settle(self, difference: float) -> None:
        """Use so much more (or less, if negative) than was taken."""
        with self._lock:
            self._level = min(self._size, self._level - difference)

    def _try(self, amount: float) -> float:
        with self._lock:
            now = self._clock()
            self._level = min(self._size, self._level + (now - self._filled) * self._rate)
            self._filled = now
            missing = min(amount, self._size) - self._level
            if missing <= 1e-9:
                self._level -= amount
                return 0.0
            return missing


class RequestLimits:
    """The limits of a configuration: requests and tokens a minute, and the budget."""

    def __init__(
        self,
        config: LlmConfig,
        clock: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self._default_length = config.max_tokens
        self._requests = _bucket(config.requests_per_minute, clock, sleep)
        self._tokens = _bucket(config.tokens_per_minute, clock, sleep)
        self.budget = Budget(config.max_total_tokens, config.max_cost, Price(config.input_price, config.output_price))

    def estimate(self, request: Request) -> Use:
        """Return the most that a request may use: characters / 4, and the longest reply."""
        return Use(prompt_estimate(request), request.max_tokens or self._default_length)

    def wait(self, use: Use) -> None:
        """Wait until the server's limits allow one attempt."""
        if self._requests:
            self._requests.take(1)
        if self._tokens:
            self._tokens.take(use.tokens)

    def settle(self, use: Use, prompt_tokens: int, completion_tokens: int) -> None:
        """Count what an attempt really used, in the budget and in the limit per minute."""
        self.budget.charge(prompt_tokens, completion_tokens)
        if self._tokens:
            self._tokens.settle(prompt_tokens + completion_tokens - use.tokens)


def _bucket(per_minute: int | None, clock: Callable[[], float], sleep: Callable[[float], None]) -> RateLimit | None:
    return RateLimit(per_minute, clock, sleep) if per_minute else None
