"""What a run says: rich on a terminal, plain lines otherwise, and always a log file in the run's directory."""

from __future__ import annotations

import datetime
import sys
from contextlib import suppress
from pathlib import Path
from typing import TextIO

from rich.console import Console
from rich.markup import escape

from secft.columns import plain_text
from secft.redaction import without_credentials


def _told(text: str) -> str:
    return plain_text(without_credentials(text))


class RunLog:
    """Says things to people on standard error and keeps them, with the time, in a file."""

    def __init__(self, file: Path | None = None) -> None:
        self.console = Console(stderr=True, highlight=False, soft_wrap=True)
        self._stream: TextIO | None = None
        if file is not None:
            file.parent.mkdir(parents=True, exist_ok=True)
            self._stream = file.open("a", encoding="utf-8")

    def say(self, text: str, style: str = "") -> None:
        """Tell one line."""
        self.console.print(escape(_told(text)), style=style or None)
        self.note(text)

    def note(self, text: str) -> None:
        """Write one entry to the log file only; its further lines are indented, so that none looks like an entry."""
        if not self._stream:
            return
        now = datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds")
        with suppress(OSError):  # a full disk is told by the stage that needs it, not by its log
            lines = _told(text).replace("\n", "\n    ")
            self._stream.write(f"{now} {lines}\n")
            self._stream.flush()

    def close(self) -> None:
        """Close the file."""
        if self._stream:
            with suppress(OSError):
                self._stream.close()
            self._stream = None


def warn(text: str) -> None:
    """Tell on standard error what went wrong and was dealt with."""
    Console(stderr=True, highlight=False, soft_wrap=True).print(escape(_told(text)), style="yellow")


def complain(text: str) -> None:
    """Tell an error on standard error."""
    Console(stderr=True, highlight=False, soft_wrap=True).print(escape(_told(text)), style="bold red")
    sys.stderr.flush()
