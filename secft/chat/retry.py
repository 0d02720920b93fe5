"""Another attempt after what may pass: exponential back-off with full jitter, bounded, obedient to Retry-After.

Source: M. Brooker, Exponential Backoff And Jitter, AWS Architecture Blog, 2015.
"""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeVar

from secft.chat.errors import TransientError

T = TypeVar("T")

LONGEST_WAIT = 60.0
"""Most seconds of back-off before an attempt."""

LONGEST_RETRY_AFTER = 600.0
"""Most seconds that a server may ask to wait; beyond that the request counts as failed."""


@dataclass(frozen=True)
class Backoff:
    """When to try again.

    Attributes:
        retries: further attempts after the first.
        first: upper bound of the first wait in seconds; doubled each time.
        draw: a number from 0 to 1, evenly distributed.
    """

    retries: int
    first: float
    draw: Callable[[], float] = random.random

    def wait(self, attempt: int, retry_after: float | None) -> float:
        """Return the seconds before attempt number ``attempt + 1`` (the first attempt is 0)."""
        jitter = self.draw() * min(LONGEST_WAIT, self.first * 2.0 ** min(attempt, 30))
        return jitter if retry_after is None else retry_after + min(jitter, 1.0)


def persist(
    call: Callable[[], T],
    backoff: Backoff,
    sleep: Callable[[float], None],
    on_retry: Callable[[TransientError], None] = lambda error: None,
) -> T:
    """Call until it succeeds or the attempts are used up.

    Args:
        call: raises TransientError where another attempt may succeed.
        backoff: how often, and how long between.
        sleep: waits some seconds.
        on_retry: is told of every failed attempt that is followed by another.

    Raises:
        TransientError: of the last attempt, or of one after which the server asks for too long a wait.
    """
    from tenacity import RetryCallState, Retrying, retry_if_exception, stop_after_attempt

    def may_pass(error: BaseException) -> bool:
        return isinstance(error, TransientError) and (error.retry_after or 0.0) <= LONGEST_RETRY_AFTER

    def failed(state: RetryCallState) -> TransientError:
        error = state.outcome.exception() if state.outcome else None
        assert isinstance(error, TransientError)  # nothing else is tried again
        return error

    return Retrying(
        retry=retry_if_exception(may_pass),
        stop=stop_after_attempt(backoff.retries + 1),
        wait=lambda state: backoff.wait(state.attempt_number - 1, failed(state).retry_after),
        before_sleep=lambda state: on_retry(failed(state)),
        sleep=sleep,
        reraise=True,
    )(call)
