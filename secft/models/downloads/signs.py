"""Life signs of a download: a bar or lines on the console, and an entry in the log now and then."""

from __future__ import annotations

import time
from contextlib import ExitStack
from types import TracebackType

from secft.columns import size
from secft.log import RunLog
from secft.progress import meter

SECONDS_BETWEEN_ENTRIES = 15.0


class LifeSigns:
    """Told of bytes as they come; tells people and the log."""

    def __init__(self, title: str, total: int, log: RunLog) -> None:
        self._title, self._total, self._log = title, total, log
        self._done, self._what = 0, ""
        self._start = self._told = time.monotonic()
        self._stack = ExitStack()

    def __enter__(self) -> LifeSigns:
        self._meter = self._stack.enter_context(meter(self._title, self._total, "bytes"))
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stack.close()

    def begin(self, what: str) -> None:
        """Name the file that comes next."""
        self._what = what
        self._meter.begin(what)

    def advance(self, count: int) -> None:
        """Count bytes that came; fewer than none where some came in vain."""
        self._done += count
        self._meter.advance(count)
        now = time.monotonic()
        if now - self._told >= SECONDS_BETWEEN_ENTRIES:
            self._told = now
            speed = self._done / max(now - self._start, 1e-6)
            self._log.note(f"{self._what}: {size(self._done)} of {size(self._total)}, {size(int(speed))}/s")

    def trouble(self, what: str, seconds: float) -> None:
        """Tell that something failed and is tried again after a while."""
        self._log.say(f"{self._what}: {what}; tried again in {seconds:.0f} s", "yellow")
