"""Ask a model from several workers of an executor: every worker opens the model, all share one cache of replies.

RequestLimits and budgets are divided: a worker gets its share of the requests and tokens of a minute, and each batch of
requests its share of the budget, so that all together never use more than is allowed.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace
from itertools import islice
from pathlib import Path

from secft.chat.protocol import Failure, Reply, Request
from secft.chat.session import AskingProgress, Spent, open_llm
from secft.config.schemas.llm import LlmConfig
from secft.executor import Executor

BATCH = 16
"""Requests that a worker asks before it takes the next ones; it opens the model once for each batch."""


@dataclass(frozen=True)
class _Batch:
    config: LlmConfig
    cache: str
    requests: tuple[Request, ...]


class SpreadLlm:
    """Asks many requests by the workers of an executor; the replies come in the order of the requests."""

    def __init__(self, executor: Executor, config: LlmConfig, cache: Path) -> None:
        self._executor, self._config, self._cache = executor, config, cache
        self.spent = Spent()

    def ask_all(
        self, requests: Iterable[Request], on_progress: Callable[[AskingProgress], None] | None = None
    ) -> Iterator[Reply | Failure]:
        """See secft.chat.session.Llm.ask_all."""
        everything = list(requests)
        done = 0
        batches = (self._batch(batch, len(everything)) for batch in _batches(everything))
        for answers, spent in self._executor.map(_ask_batch, batches):
            self.spent = _sum(self.spent, spent)
            for answer in answers:
                done += 1
                if on_progress:
                    on_progress(AskingProgress(done, self.spent))
                yield answer

    def _batch(self, requests: tuple[Request, ...], total: int) -> _Batch:
        config, share, workers = self._config, len(requests) / total, self._executor.workers
        mine = replace(
            config,
            concurrency=max(1, config.concurrency // workers),
            requests_per_minute=_part(config.requests_per_minute, 1 / workers),
            tokens_per_minute=_part(config.tokens_per_minute, 1 / workers),
            max_total_tokens=_part(config.max_total_tokens, share),
            max_cost=None if config.max_cost is None else config.max_cost * share,
        )
        return _Batch(mine, str(self._cache.absolute()), requests)


def _batches(requests: Iterable[Request]) -> Iterator[tuple[Request, ...]]:
    source = iter(requests)
    while batch := tuple(islice(source, BATCH)):
        yield batch


def _part(limit: int | None, share: float) -> int | None:
    return None if limit is None else max(1, int(limit * share))


def _ask_batch(batch: _Batch) -> tuple[list[Reply | Failure], Spent]:
    with open_llm(batch.config, Path(batch.cache)) as llm:
        return list(llm.ask_all(batch.requests)), llm.spent


def _sum(one: Spent, other: Spent) -> Spent:
    reasons = {*one.failed, *other.failed}
    return Spent(
        asked=one.asked + other.asked,
        cached=one.cached + other.cached,
        failed={reason: one.failed.get(reason, 0) + other.failed.get(reason, 0) for reason in sorted(reasons)},
        retries=one.retries + other.retries,
        prompt_tokens=one.prompt_tokens + other.prompt_tokens,
        completion_tokens=one.completion_tokens + other.completion_tokens,
        cost=one.cost + other.cost,
        seconds=one.seconds + other.seconds,
    )
