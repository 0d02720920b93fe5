"""What a server asks to wait, whatever it writes there."""

from __future__ import annotations

import time
from email.utils import formatdate

import pytest

from secft.net.retry_after import asked_wait


@pytest.mark.parametrize(("text", "seconds"), [("0", 0.0), (" 7 ", 7.0), ("1.5", 1.5), ("120", 120.0)])
def test_seconds(text: str, seconds: float) -> None:
    assert asked_wait(text) == seconds


def test_dates() -> None:
    later = asked_wait(formatdate(time.time() + 90, usegmt=True))
    assert later is not None
    assert 80 < later <= 90
    assert asked_wait("Wed, 21 Oct 2015 07:28:00 GMT") == 0.0
    assert asked_wait("Wed, 21 Oct 2015 07:28:00") == 0.0


@pytest.mark.parametrize(
    "text",
    [
        None, "", " ", "soon", "-5", "1e9", "nan", "inf", "²", "１２", "9" * 400, "1" + "\0", "\xff\xfe", "7, 8",
        "Mon, 01 Jan 99999 00:00:00 GMT", "Mon, 99 Jan 2026 00:00:00 GMT", "Mon, 01 Jan 2026 00:00:00 +999999999",
        ",,,,,", "Mon,", "\x1b[31m",
    ],
)  # fmt: skip
def test_anything_else_asks_for_nothing(text: str | None) -> None:
    assert asked_wait(text) is None
