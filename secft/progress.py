"""How far long work is, and how long it still takes: a bar on a terminal, a line now and then elsewhere."""

from __future__ import annotations

import sys
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import Protocol, TypeVar

from rich.console import Console
from rich.markup import escape
from rich.progress import (
    BarColumn,
    DownloadColumn,
    Progress,
    TextColumn,
    TimeElapsedColumn,
    TimeRemainingColumn,
    TransferSpeedColumn,
)

from secft.columns import size

T = TypeVar("T")
_SECONDS_BETWEEN_LINES = 15.0


class Meter(Protocol):
    """Told what is being done and how much of it is done."""

    def begin(self, what: str) -> None:
        """Name what comes next."""

    def advance(self, work: int) -> None:
        """Count finished work."""


class BarMeter:
    """A progress bar on a terminal."""

    def __init__(self, bar: Progress, title: str, total: int) -> None:
        self._bar = bar
        self._task = bar.add_task(title, total=total)

    def begin(self, what: str) -> None:
        """Name what comes next."""
        self._bar.update(self._task, description=escape(what))

    def advance(self, work: int) -> None:
        """Count finished work."""
        self._bar.advance(self._task, work)


class LineMeter:
    """Plain lines with the share that is done, the speed and the remaining time."""

    def __init__(self, console: Console, title: str, total: int, unit: str) -> None:
        self._console, self._title, self._total, self._unit = console, title, max(total, 1), unit
        self._done, self._what = 0, ""
        self._start = self._told = time.monotonic()

    def begin(self, what: str) -> None:
        """Name what comes next."""
        self._what = what

    def advance(self, work: int) -> None:
        """Count finished work."""
        self._done += work
        now = time.monotonic()
        if now - self._told < _SECONDS_BETWEEN_LINES and self._done < self._total:
            return
        self._told, spent = now, max(now - self._start, 1e-6)
        left = spent / self._done * max(self._total - self._done, 0) if self._done else 0.0
        speed = self._done / spent
        shown = f"{size(max(int(speed), 0))}/s" if self._unit == "bytes" else f"{speed:.1f} {self._unit}/s"
        self._console.print(
            f"{self._title}: {self._what}: {min(1.0, self._done / self._total):.0%}, {shown}, {left:.0f} s left",
            markup=False,
        )


def counted(items: Iterable[T], what: str, unit: str) -> Iterator[T]:
    """Pass items on, and tell now and then on standard error how many there were: for work whose end is not known.

    Args:
        items: of any number.
        what: what is being done, for example ``documents: jsonl``.
        unit: what is counted, for example ``records``.
    """
    start = told = time.monotonic()
    for number, item in enumerate(items, start=1):
        yield item
        now = time.monotonic()
        if now - told >= _SECONDS_BETWEEN_LINES:
            told = now
            Console(file=sys.stderr, highlight=False, soft_wrap=True).print(
                f"{what}: {number:,} {unit}, {number / (now - start):,.0f}/s", markup=False
            )


@contextmanager
def meter(title: str, total: int, unit: str) -> Iterator[Meter]:
    """Show progress over so many units of work on standard error.

    Args:
        title: what is being done, for example ``evaluate``.
        total: units of work in all.
        unit: what is counted, for example ``tokens``; ``bytes`` are shown as KiB, MiB, GiB.
    """
    # The stream of now: while lm-eval builds its requests, sys.stderr is another one.
    console = Console(file=sys.stderr, highlight=False, soft_wrap=True)
    if not console.is_terminal:
        yield LineMeter(console, title, total, unit)
        return
    amounts = (DownloadColumn(binary_units=True), TransferSpeedColumn()) if unit == "bytes" else ()
    text = TextColumn(f"{title}: {{task.description}}")
    with Progress(
        text, BarColumn(), *amounts, TimeElapsedColumn(), TimeRemainingColumn(), console=console, transient=True
    ) as bar:
        yield BarMeter(bar, title, total)
