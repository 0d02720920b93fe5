"""Work for executors: functions of a module, as executors demand."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from pathlib import Path

from secft.errors import InputError
from secft.executor.shards import Rows


def square(number: int) -> int:
    return number * number


def fail_at_three(number: int) -> int:
    if number == 3:
        raise InputError("three cannot be used")
    return number


def die_once(argument: tuple[str, int]) -> int:
    """Kill the process that works on 5, the first time."""
    directory, number = argument
    mark = Path(directory) / "died"
    if number == 5 and not mark.exists():
        mark.touch()
        os.kill(os.getpid(), signal.SIGKILL)
    return number


def die_always(number: int) -> int:
    os.kill(os.getpid(), signal.SIGKILL)
    return number


def letters(argument: tuple[str, int]) -> Rows:
    letter, count = argument
    return ({"letter": letter, "number": number} for number in range(count)), lambda: {"letter": letter}


def broken_rows(_: int) -> Rows:
    def rows() -> Iterator[dict[str, int]]:
        yield {"number": 1}
        raise InputError("the second row cannot be read")

    return rows(), dict
