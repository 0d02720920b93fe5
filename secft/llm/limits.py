"""How fast may be asked (the server's limits) and how much (the user's budget)."""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from secft.config.llm import LlmConfig
from secft.llm.errors import BudgetError
from secft.llm.protocol import Request

CHARACTERS_PER_TOKEN = 4
_OVERHEAD_TOKENS = 8
_MILLION = 1_000_000


def estimated_tokens(text: str) -> int:
    """Estimate the tokens of a text: one for four characters."""
    return -(-len(text) // CHARACTERS_PER_TOKEN)


def prompt_estimate(request: Request) -> int:
    """Estimate the tokens of a request's messages and schema."""
    text = "".join(message["content"] for message in request.messages) + str(request.schema or "")
    return estimated_tokens(text) + _OVERHEAD_TOKENS


class Bucket:
    """A token bucket: so many units a minute, evenly, with a burst of at most one second's worth (or one unit).

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


@dataclass(frozen=True)
class Price:
    """US dollars per million tokens."""

    prompt: float
    completion: float

    def cost(self, prompt_tokens: int, completion_tokens: int) -> float:
        """Return US dollars."""
        return (prompt_tokens * self.prompt + completion_tokens * self.completion) / _MILLION


@dataclass
class Use:
    """What a request uses; an estimate first, then what the server counted.

    Attributes:
        prompt_tokens: of the request.
        completion_tokens: of the reply; at first the longest one.
    """

    prompt_tokens: int
    completion_tokens: int

    @property
    def tokens(self) -> int:
        """Prompt and reply together."""
        return self.prompt_tokens + self.completion_tokens


class Budget:
    """Counts what was used, and refuses the request that would use more than allowed; safe for several threads."""

    def __init__(self, max_tokens: int | None, max_cost: float | None, price: Price) -> None:
        self._max_tokens, self._max_cost, self.price = max_tokens, max_cost, price
        self._changed = threading.Condition()
        self._reserved: list[Use] = []
        self._waiting: deque[Use] = deque()
        self.prompt_tokens = 0
        self.completion_tokens = 0

    @property
    def tokens(self) -> int:
        """Tokens used so far."""
        return self.prompt_tokens + self.completion_tokens

    @property
    def cost(self) -> float:
        """US dollars so far."""
        return self.price.cost(self.prompt_tokens, self.completion_tokens)

    @contextmanager
    def reserve(self, use: Use) -> Iterator[None]:
        """Hold what a request may use at most while it is under way.

        Waits while requests under way might still leave enough; first come, first served.

        Raises:
            BudgetError: the request could exceed the budget.
        """
        with self._changed:
            self._waiting.append(use)
            try:
                while self._waiting[0] is not use or not self._fits(use, self._reserved):
                    if not self._fits(use, []):
                        raise BudgetError(self._exhausted())
                    self._changed.wait()
                self._reserved.append(use)
            finally:
                self._waiting = deque(other for other in self._waiting if other is not use)
                self._changed.notify_all()
        try:
            yield
        finally:
            with self._changed:
                self._reserved = [other for other in self._reserved if other is not use]
                self._changed.notify_all()

    def charge(self, prompt_tokens: int, completion_tokens: int) -> None:
        """Count what was used."""
        with self._changed:
            self.prompt_tokens += prompt_tokens
            self.completion_tokens += completion_tokens
            self._changed.notify_all()

    def _fits(self, use: Use, held: list[Use]) -> bool:
        prompt = self.prompt_tokens + use.prompt_tokens + sum(other.prompt_tokens for other in held)
        completion = self.completion_tokens + use.completion_tokens + sum(other.completion_tokens for other in held)
        enough_tokens = self._max_tokens is None or prompt + completion <= self._max_tokens
        return enough_tokens and (self._max_cost is None or self.price.cost(prompt, completion) <= self._max_cost)

    def _exhausted(self) -> str:
        limits = [
            *([f"llm.max_total_tokens={self._max_tokens}"] if self._max_tokens is not None else []),
            *([f"llm.max_cost={self._max_cost:g}"] if self._max_cost is not None else []),
        ]
        return (
            f"The budget of asking a model is used up ({', '.join(limits)}): {self.tokens:,} tokens, "
            f"{self.cost:.4f} US dollars so far, and the next request could exceed it. "
            "The replies so far are kept: the same command with a larger budget continues from here."
        )


class Limits:
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


def _bucket(per_minute: int | None, clock: Callable[[], float], sleep: Callable[[float], None]) -> Bucket | None:
    return Bucket(per_minute, clock, sleep) if per_minute else None
