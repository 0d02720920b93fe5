"""Rules for all tests: no network but loopback, nothing of the user's caches but base models."""

from __future__ import annotations

import logging
import os
import signal
import socket
from collections.abc import Iterator
from pathlib import Path

import pytest

from secft.threads import wait_gently

os.environ.setdefault("HF_HUB_OFFLINE", "1")
os.environ.setdefault("HF_DATASETS_OFFLINE", "1")
os.environ.setdefault("HF_HUB_DISABLE_TELEMETRY", "1")
os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")

if "PYTEST_XDIST_WORKER_COUNT" in os.environ:
    # Workers beside each other share the cores.
    share = len(os.sched_getaffinity(0)) // int(os.environ["PYTEST_XDIST_WORKER_COUNT"])
    os.environ.setdefault("OMP_NUM_THREADS", str(max(share, 1)))
wait_gently()

ROOT = Path(__file__).resolve().parents[1]
SHARED = ROOT.parent / "shared" / "data"
CASES = ROOT.parent / "shared" / "cases"
LOOPBACK = {"127.0.0.1", "::1", "localhost"}


@pytest.fixture
def shared_data() -> Path:
    """Directory of published data beside a checkout; a user's clone has none."""
    if not SHARED.is_dir():
        pytest.skip("no directory ../shared/data beside the checkout")
    return SHARED


@pytest.fixture(scope="session")
def shared_cases() -> Path:
    """Directory of cases that users reported, beside a checkout; a user's clone has none."""
    if not CASES.is_dir():
        pytest.skip("no directory ../shared/cases beside the checkout")
    return CASES


@pytest.fixture(autouse=True)
def _logging_as_before() -> Iterator[None]:
    """Undo what Hydra and other libraries set for the whole process.

    Their handler holds the standard output of this test, which is closed in the next, and with their level every test
    after it would record each word that a library says while it debugs: markdown-it alone makes reading eighty times
    as slow by it.
    """
    before, level = list(logging.root.handlers), logging.root.level
    yield
    logging.root.setLevel(level)
    for handler in list(logging.root.handlers):
        if type(handler) is logging.StreamHandler and handler not in before:
            logging.root.removeHandler(handler)


@pytest.fixture(autouse=True)
def _no_network(monkeypatch: pytest.MonkeyPatch) -> None:
    """Refuse connections to anything but this machine."""
    connect = socket.socket.connect

    def guarded(self: socket.socket, address: object) -> None:
        host = address[0] if isinstance(address, tuple) else None
        if self.family != socket.AF_UNIX and host not in LOOPBACK:
            raise RuntimeError(f"a test tried to reach {address}")
        connect(self, address)  # type: ignore[arg-type]

    monkeypatch.setattr(socket.socket, "connect", guarded)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Files with slow tests come first: of several workers none is then left alone with one at the end."""
    slow = {item.path for item in items if item.get_closest_marker("slow")}
    items.sort(key=lambda item: item.path not in slow)


def pytest_configure(config: pytest.Config) -> None:
    """Hear Ctrl-C, and let child processes hear it: a shell's background job inherits that it is ignored."""
    if signal.getsignal(signal.SIGINT) == signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)
