"""What asking has used: counted while it goes on, told at any time."""

from __future__ import annotations

import threading
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

from secft.chat.budget import Budget


@dataclass(frozen=True)
class Spent:
    """What asking has used so far.

    Attributes:
        asked: requests answered by the model itself.
        cached: requests answered from the cache.
        failed: reason -> number of requests without a usable answer.
        retries: attempts that were repeated.
        prompt_tokens: as the server counts them; estimated where it does not say.
        completion_tokens: the same of the replies.
        cost: US dollars, by the configured prices.
        seconds: from the first request to the last answer.
    """

    asked: int = 0
    cached: int = 0
    failed: dict[str, int] = field(default_factory=dict)
    retries: int = 0
    prompt_tokens: int = 0
    completion_tokens: int = 0
    cost: float = 0.0
    seconds: float = 0.0


@dataclass(frozen=True)
class AskingProgress:
    """Told after every answer of Llm.ask_all.

    Attributes:
        done: requests of this call that have ended.
        spent: of the whole session.
    """

    done: int
    spent: Spent


class Ledger:
    """Counts requests; tokens and money stand in the budget. Safe for several threads."""

    def __init__(self, budget: Budget) -> None:
        self._budget = budget
        self._lock = threading.Lock()
        self._asked = self._cached = self._retries = 0
        self._failed: Counter[str] = Counter()
        self._started: float | None = None
        self._seconds = 0.0

    @property
    def answered(self) -> int:
        """Requests with an answer, from wherever."""
        return self._asked + self._cached

    def count(self, asked: int = 0, cached: int = 0, retries: int = 0) -> None:
        """Add what happened."""
        with self._lock:
            self._asked += asked
            self._cached += cached
            self._retries += retries

    def fail(self, reason: str) -> int:
        """Add a failure, and return how many there are for this reason."""
        with self._lock:
            self._failed[reason] += 1
            return self._failed[reason]

    @contextmanager
    def timed(self) -> Iterator[None]:
        """Take the time of a request."""
        with self._lock:
            self._started = started = time.monotonic() if self._started is None else self._started
        yield
        with self._lock:
            self._seconds = time.monotonic() - started

    def spent(self) -> Spent:
        """Return everything so far."""
        with self._lock:
            return Spent(
                asked=self._asked,
                cached=self._cached,
                failed=dict(sorted(self._failed.items())),
                retries=self._retries,
                prompt_tokens=self._budget.prompt_tokens,
                completion_tokens=self._budget.completion_tokens,
                cost=self._budget.cost,
                seconds=self._seconds,
            )
