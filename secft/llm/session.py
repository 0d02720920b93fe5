"""Ask a model many questions: cached, limited, retried, in order.

    with open_llm(config, cache) as llm:
        for answer in llm.ask_all(requests):
            ...

Every request ends as a Reply or a Failure, in the order of the requests. What was answered once comes from the cache.
A wrong key or an unknown model ends everything at once (AccessError), and so does a used-up budget (BudgetError); what
was answered until then is kept.
"""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from itertools import islice
from pathlib import Path

from secft.config.llm import LlmConfig
from secft.errors import SecftError
from secft.llm.cache import ReplyCache
from secft.llm.clients import open_client, problems, requests_under_way
from secft.llm.errors import AccessError, BudgetError, FatalError, LlmError, RefusedError, TransientError
from secft.llm.limits import Limits, Use, estimated_tokens
from secft.llm.protocol import Client, Failure, Reply, Request
from secft.llm.retry import Backoff, persist
from secft.llm.schema import parse_json_reply
from secft.llm.workers import Workers

__all__ = ["AccessError", "BudgetError", "Llm", "Progress", "Spent", "open_llm", "parse_json_reply", "problems"]

LOOK_AHEAD = 4
"""Requests taken from the caller before they are answered, as a multiple of those under way."""

REFUSALS = 10
"""So many requests refused and none answered: the server and the configuration do not fit."""


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
class Progress:
    """Told after every answer of Llm.ask_all.

    Attributes:
        done: requests of this call that have ended.
        spent: of the whole session.
    """

    done: int
    spent: Spent


class Llm:
    """A model that can be asked; made by open_llm.

    Attributes:
        identity: what decides about the replies besides the requests; plain JSON without secrets.
    """

    def __init__(self, config: LlmConfig, client: Client, cache: Path) -> None:
        self._config = config
        self._client = client
        self.identity = dict(client.identity())
        self._cache = ReplyCache(cache, self.identity)
        self._stop = threading.Event()
        self._limits = Limits(config, sleep=self._sleep)
        self._backoff = Backoff(config.retries, config.backoff)
        self._lock = threading.Lock()
        self._under_way: dict[str, threading.Lock] = {}
        self._spent = Spent()
        self._started: float | None = None
        self._broken: SecftError | None = None

    @property
    def spent(self) -> Spent:
        """What was used so far."""
        budget = self._limits.budget
        with self._lock:
            return replace(
                self._spent,
                failed=dict(sorted(self._spent.failed.items())),
                prompt_tokens=budget.prompt_tokens,
                completion_tokens=budget.completion_tokens,
                cost=budget.cost,
            )

    def ask(self, request: Request) -> Reply | Failure:
        """Ask one question; safe to call from several threads.

        Raises:
            AccessError: no request can succeed.
            BudgetError: the request could exceed the budget.
            FatalError: the client itself is broken.
        """
        if self._broken:
            raise self._broken
        with self._lock:
            self._started = self._started or time.monotonic()
        outcome = self._outcome(request)
        with self._lock:
            self._spent = replace(self._spent, seconds=time.monotonic() - self._started)
        return outcome

    def ask_all(
        self, requests: Iterable[Request], on_progress: Callable[[Progress], None] | None = None
    ) -> Iterator[Reply | Failure]:
        """Ask many questions, ``config.concurrency`` at a time, and yield the answers in the order of the requests.

        Requests are taken from the iterable only as far as needed. Leaving the loop, Ctrl-C and SIGTERM included,
        drops what has not been asked yet; what is under way may still reach the cache.

        Raises:
            AccessError, BudgetError, FatalError: see ask; the answers before are yielded first.
        """
        source = iter(requests)
        pending: deque[Future[Reply | Failure]] = deque()
        count = requests_under_way(self._config)
        with Workers(count) as workers:
            pending.extend(workers.submit(self.ask, item) for item in islice(source, count * LOOK_AHEAD))
            done = 0
            while pending:
                outcome = pending.popleft().result()
                pending.extend(workers.submit(self.ask, item) for item in islice(source, 1))
                done += 1
                if on_progress:
                    on_progress(Progress(done, self.spent))
                yield outcome

    def close(self) -> None:
        """Wake what waits, and release the client."""
        self._stop.set()
        self._client.close()

    def _outcome(self, request: Request) -> Reply | Failure:
        try:
            return self._answer(request)
        except (TransientError, RefusedError) as error:
            self._fail(error)
            return Failure(error.reason, error.detail)
        except SecftError as error:  # a full disk, too: replies that cannot be kept are not to be paid for
            self._broken = self._broken or error
            raise

    def _answer(self, request: Request) -> Reply:
        try:
            key = self._cache.key(request)
        except UnicodeEncodeError:
            raise RefusedError("not Unicode", "a message holds half of a character") from None
        with self._alone(key):
            kept = self._cache.get(key)
            if kept is not None:
                self._count(cached=1)
                return kept
            reply = self._ask_client(request)
            self._cache.put(key, reply)
            self._count(asked=1)
            return reply

    @contextmanager
    def _alone(self, key: str) -> Iterator[None]:
        """Hold back an equal question while the first one is under way: its answer will be in the cache."""
        with self._lock:
            lock = self._under_way.setdefault(key, threading.Lock())
        try:
            with lock:
                yield
        finally:
            with self._lock:
                self._under_way.pop(key, None)

    def _ask_client(self, request: Request) -> Reply:
        use = self._limits.estimate(request)
        with self._limits.budget.reserve(use):
            return persist(lambda: self._attempt(request, use), self._backoff, self._sleep, self._on_retry)

    def _attempt(self, request: Request, use: Use) -> Reply:
        self._limits.wait(use)
        if isinstance(self._broken, FatalError):
            raise self._broken
        try:
            reply = self._client.ask(request)
        except TransientError as error:
            self._limits.settle(use, use.prompt_tokens if error.billed else 0, 0)
            raise
        except LlmError:
            self._limits.settle(use, 0, 0)
            raise
        prompt = reply.prompt_tokens or use.prompt_tokens
        self._limits.settle(use, prompt, reply.completion_tokens or estimated_tokens(reply.text))
        return reply

    def _on_retry(self, error: TransientError) -> None:
        self._count(retries=1)

    def _count(self, asked: int = 0, cached: int = 0, retries: int = 0) -> None:
        with self._lock:
            spent = self._spent
            self._spent = replace(
                spent, asked=spent.asked + asked, cached=spent.cached + cached, retries=spent.retries + retries
            )

    def _fail(self, error: LlmError) -> None:
        with self._lock:
            failed = self._spent.failed
            failed[error.reason] = failed.get(error.reason, 0) + 1
            answered = self._spent.asked + self._spent.cached
        refused = error.reason.startswith("request refused")
        if refused and not answered and failed[error.reason] >= REFUSALS:
            self._broken = AccessError(error.reason, f"{REFUSALS} requests, and none was answered: {error.detail}")
            raise self._broken from None

    def _sleep(self, seconds: float) -> None:
        if self._stop.wait(seconds):
            raise FatalError("closed", "the session has ended")


@contextmanager
def open_llm(config: LlmConfig, cache: Path) -> Iterator[Llm]:
    """Open the model of a configuration; nothing is asked and no server started before the first question.

    Args:
        config: one of the options of the group ``llm``.
        cache: directory of the kept replies; several configurations and processes may share it.

    Raises:
        MissingExtraError: the client's package is not installed.
        AccessError: the key is not set where one is needed.
        ConfigError: there is no such client.
    """
    llm = Llm(config, open_client(config), cache)
    try:
        yield llm
    finally:
        llm.close()
