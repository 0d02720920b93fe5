"""The user's budget in tokens and money: what was used, what may be used by requests under way, and what fits."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from secft.chat.errors import BudgetError

_MILLION = 1_000_000


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
