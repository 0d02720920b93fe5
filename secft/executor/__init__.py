"""On what shards run: processes of this machine, or a Ray cluster."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol, TypeVar

T = TypeVar("T")
R = TypeVar("R")


class Executor(Protocol):
    """Runs one function over many items.

    Attributes:
        workers: how many items are worked on at the same time.
    """

    workers: int

    def map(self, work: Callable[[T], R], items: Iterable[T]) -> Iterator[R]:
        """Yield ``work(item)`` for every item, in the order of the items.

        At most a few items more than there are workers are under way, so memory is bounded by the size of an item.

        Args:
            work: a function of a module; it and its items travel to other processes by pickle. It must give the same
                result wherever and however often it runs.
            items: what to work on.
        """
        ...


@dataclass(frozen=True)
class Workplace:
    """On what shards are made, where they are kept while they are needed, and how large they are.

    Attributes:
        executor: on what they are made.
        directory: every worker must see it; its owner removes it.
        shard_size: records in a shard.
    """

    executor: Executor
    directory: Path
    shard_size: int


class InProcess:
    """Runs everything here, one after the other."""

    workers = 1

    def map(self, work: Callable[[T], R], items: Iterable[T]) -> Iterator[R]:
        """See Executor."""
        return map(work, items)
