"""Runners are scripts: they import one another by name."""

from __future__ import annotations

import signal
import sys
from collections.abc import Iterator

import pytest

from secft.train.backends.separate import SCRIPTS


@pytest.fixture(autouse=True)
def _scripts_beside_each_other(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """As when a script is started by path; signal handlers and modules of those names are put back afterwards."""
    monkeypatch.syspath_prepend(str(SCRIPTS))
    before = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}
    yield
    for number, handler in before.items():
        signal.signal(number, handler)
    for name in ("facts", "guards", "ranks", "recording", "session", "stopping", "utilisation"):
        sys.modules.pop(name, None)
