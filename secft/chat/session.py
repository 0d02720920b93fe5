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
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, wait
from contextlib import contextmanager
from itertools import islice
from pathlib import Path

from secft.chat.budget import Use
from secft.chat.cache import ReplyCache
from secft.chat.clients import open_client, problems, requests_under_way
from secft.chat.errors import (
    AccessError,
    BudgetError,
    FatalError,
    LlmError,
    NotTakenError,
    RefusedError,
    TransientError,
    whole,
)
from secft.chat.knock import silence
from secft.chat.limits import RequestLimits, estimated_tokens
from secft.chat.protocol import Client, Failure, Reply, Request
from secft.chat.retry import Backoff, persist
from secft.chat.schema import parse_json_reply
from secft.chat.spent import AskingProgress, Ledger, Spent
from secft.chat.workers import Workers
from secft.config.schemas.llm import LlmConfig
from secft.errors import SecftError

__all__ = ["AccessError", "AskingProgress", "BudgetError", "Llm", "Spent", "open_llm", "parse_json_reply", "problems"]

LOOK_AHEAD = 4
"""Requests taken from the caller before they are answered, as a multiple of those under way."""

REFUSALS = 10
"""So many requests refused and none answered: the server and the configuration do not fit."""


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
        self._limits = RequestLimits(config, sleep=self._sleep)
        self._backoff = Backoff(config.retries, config.backoff)
        self._lock = threading.Lock()
        self._under_way: dict[str, threading.Lock] = {}
        self._ledger = Ledger(self._limits.budget)
        self._broken: SecftError | None = None
        self._knocked = False

    @property
    def spent(self) -> Spent:
        """What was used so far."""
        return self._ledger.spent()

    def ask(self, request: Request) -> Reply | Failure:
        """Ask one question; safe to call from several threads.

        Raises:
            AccessError: no request can succeed.
            BudgetError: the request could exceed the budget.
            FatalError: the client itself is broken.
        """
        if self._broken:
            raise self._broken
        with self._ledger.timed():
            return self._outcome(request)

    def ask_all(
        self, requests: Iterable[Request], on_progress: Callable[[AskingProgress], None] | None = None
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
                try:
                    outcome = pending.popleft().result()
                except BudgetError:
                    wait(pending)  # what the budget has paid for reaches the cache
                    raise
                pending.extend(workers.submit(self.ask, item) for item in islice(source, 1))
                done += 1
                if on_progress:
                    on_progress(AskingProgress(done, self.spent))
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
            if not isinstance(error, BudgetError):  # what is under way within the budget may end well
                self._stop.set()
            raise

    def _answer(self, request: Request) -> Reply:
        if any(whole(message["content"]) != message["content"] for message in request.messages):
            raise RefusedError("not Unicode", "a message holds half of a character")
        key = self._cache.key(request)
        with self._alone(key):
            kept = self._cache.get(key)
            if kept is not None:
                self._ledger.count(cached=1)
                return kept
            self._knock()
            reply = self._ask_client(request)
            self._cache.put(key, reply)
            self._ledger.count(asked=1)
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

    def _knock(self) -> None:
        """End everything before the first question if no server is there: retries are for one that stumbles."""
        with self._lock:
            if self._knocked:
                return
            problem = silence(self._config)
            self._knocked = problem is None
        if problem is not None:
            raise AccessError("no server", str(problem))

    def _ask_client(self, request: Request) -> Reply:
        use = self._limits.estimate(request)
        with self._limits.budget.reserve(use):
            return persist(
                lambda: self._attempt(request, use), self._backoff, self._sleep, lambda _: self._ledger.count(retries=1)
            )

    def _attempt(self, request: Request, use: Use) -> Reply:
        self._limits.wait(use)
        self._sleep(0)
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

    def _fail(self, error: LlmError) -> None:
        alike = self._ledger.fail(error.reason)
        if isinstance(error, NotTakenError) and alike >= REFUSALS and not self._ledger.answered:
            self._broken = AccessError(error.reason, f"{REFUSALS} requests, and none was answered: {error.detail}")
            self._stop.set()
            raise self._broken from None

    def _sleep(self, seconds: float) -> None:
        """Wait; raise as soon as nothing more is to be asked."""
        if self._stop.wait(seconds):
            raise self._broken or FatalError("closed", "the session has ended")


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
