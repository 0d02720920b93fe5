"""RequestLimits of a server and of a purse, by a clock that the test moves."""

from __future__ import annotations

import threading
import time

import pytest

from secft.chat.budget import Budget, Price, Use
from secft.chat.errors import BudgetError, RateLimitedError, ServerFaultError, TransientError
from secft.chat.limits import RateLimit, RequestLimits, prompt_estimate
from secft.chat.protocol import Request
from secft.chat.retry import LONGEST_RETRY_AFTER, LONGEST_WAIT, Backoff, persist
from secft.config.schemas.llm import LlmConfig


class Clock:
    """Time that passes only in sleep."""

    def __init__(self) -> None:
        self.now = 0.0
        self.slept: list[float] = []

    def __call__(self) -> float:
        return self.now

    def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        self.now += seconds


def most_in_a_minute(moments: list[tuple[float, float]]) -> float:
    """Return the largest sum of amounts in any 60 seconds."""
    return max(sum(amount for at, amount in moments if start <= at < start + 60) for start, _ in moments)


@pytest.mark.parametrize("per_minute", [1, 7, 60, 1000])
def test_no_minute_sees_more_requests_than_allowed(per_minute: int) -> None:
    clock = Clock()
    bucket = RateLimit(per_minute, clock, clock.sleep)
    moments = []
    burst, count = max(1.0, per_minute / 60), 3 * per_minute + 1
    for _ in range(count):
        bucket.take(1)
        moments.append((clock.now, 1.0))
    assert most_in_a_minute(moments) <= per_minute + burst
    assert clock.now == pytest.approx((count - burst) * 60 / per_minute)


def test_idle_time_buys_no_burst() -> None:
    clock = Clock()
    bucket = RateLimit(60, clock, clock.sleep)
    clock.now = 3600
    for _ in range(11):
        bucket.take(1)
    assert clock.now == pytest.approx(3610)


def test_tokens_are_settled_when_they_are_known() -> None:
    clock = Clock()
    limits = RequestLimits(LlmConfig(name="x", max_tokens=100, tokens_per_minute=600), clock, clock.sleep)
    use = Use(prompt_tokens=20, completion_tokens=100)
    limits.wait(use)
    limits.settle(use, 20, 10)  # 30 of 120 were used
    limits.wait(use)
    assert clock.now == pytest.approx(3.0)  # 30 tokens at 10 a second
    assert limits.budget.tokens == 30


def test_requests_and_tokens_are_limited_together() -> None:
    clock = Clock()
    limits = RequestLimits(
        LlmConfig(name="x", max_tokens=16, requests_per_minute=30, tokens_per_minute=60), clock, clock.sleep
    )
    for _ in range(3):
        limits.wait(Use(5, 1))
    assert clock.now == pytest.approx(12.0)  # 6 tokens at 1 a second are slower than one request in 2 seconds


def test_the_estimate_covers_messages_and_schema() -> None:
    bare = Request(({"role": "user", "content": "x" * 400},))
    assert prompt_estimate(bare) == 108
    assert prompt_estimate(Request(bare.messages, {"type": "object"})) > 108


def test_a_request_waits_for_what_others_may_leave() -> None:
    budget = Budget(100, None, Price(0, 0))
    order = []

    def second() -> None:
        with budget.reserve(Use(10, 50)):
            order.append("second")

    with budget.reserve(Use(10, 50)):
        thread = threading.Thread(target=second)
        thread.start()
        time.sleep(0.1)
        order.append("first")
        budget.charge(10, 5)
    thread.join(timeout=5)
    assert order == ["first", "second"]


def test_what_can_never_fit_is_refused_at_once() -> None:
    budget = Budget(None, 1.0, Price(prompt=100_000, completion=200_000))
    budget.charge(2, 3)
    with budget.reserve(Use(1, 0)), pytest.raises(BudgetError, match=r"0\.8000 US dollars"), budget.reserve(Use(1, 1)):
        pass
    assert budget.cost == pytest.approx(0.8)


def failing(errors: list[TransientError]) -> str:
    if errors:
        raise errors.pop(0)
    return "done"


def test_waits_double_with_full_jitter_and_a_bound() -> None:
    backoff = Backoff(retries=50, first=1.0, draw=lambda: 1.0)
    waits = [backoff.wait(attempt, None) for attempt in range(50)]
    assert waits[:4] == [1, 2, 4, 8]
    assert max(waits) == LONGEST_WAIT
    assert Backoff(50, 1.0, draw=lambda: 0.0).wait(7, None) == 0


def test_retry_after_is_obeyed() -> None:
    clock = Clock()
    errors: list[TransientError] = [
        RateLimitedError("rate limited 429", retry_after=42.0),
        ServerFaultError("server error 500"),
    ]
    assert persist(lambda: failing(errors), Backoff(5, 1.0, lambda: 0.5), clock.sleep) == "done"
    assert clock.slept == [42.5, 1.0]


@pytest.mark.parametrize("retries", [0, 3])
def test_attempts_are_bounded(retries: int) -> None:
    clock, told = Clock(), []
    errors: list[TransientError] = [ServerFaultError("server error 500", str(n)) for n in range(10)]
    with pytest.raises(ServerFaultError, match=f"server error 500: {retries}$"):
        persist(lambda: failing(errors), Backoff(retries, 1.0), clock.sleep, told.append)
    assert len(told) == len(clock.slept) == retries


def test_nobody_waits_for_a_day() -> None:
    clock = Clock()
    errors: list[TransientError] = [RateLimitedError("rate limited 429", retry_after=LONGEST_RETRY_AFTER + 1)]
    with pytest.raises(RateLimitedError):
        persist(lambda: failing(errors), Backoff(5, 1.0), clock.sleep)
    assert not clock.slept
