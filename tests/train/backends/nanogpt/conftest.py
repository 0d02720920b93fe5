"""Shared pieces: a small text, its data set, and a job that takes a second."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import torch

from secft.train.backends.nanogpt.corpus.data import DataSettings, prepare
from secft.train.backends.nanogpt.job import PretrainJob

PROGRAMS = ("sshd", "cron", "nginx", "kernel")
EVENTS = ("accepted", "refused", "closed", "started", "timed out")


def log_text(count: int = 400, seed: int = 0) -> str:
    """Return lines of a made-up log."""
    draw = random.Random(seed)
    rows = []
    for number in range(count):
        when = f"Jan {1 + number // 200:2d} {number % 24:02d}:{number % 60:02d}:00"
        rows.append(f"{when} gate {draw.choice(PROGRAMS)}[{draw.randint(100, 999)}]: session {draw.choice(EVENTS)}\n")
    return "".join(rows)


@pytest.fixture
def data(tmp_path: Path) -> Path:
    """A character-level data set of about 18,000 characters."""
    source = tmp_path / "auth.log"
    source.write_text(log_text(), encoding="utf-8")
    return prepare([source], tmp_path / "data", DataSettings("logs"))


@pytest.fixture
def make_job(data: Path) -> Callable[..., PretrainJob]:
    """A job of a tiny model; keyword arguments override its settings."""

    def build(**changes: Any) -> PretrainJob:
        values: dict[str, Any] = {
            "n_layer": 2,
            "n_head": 2,
            "n_embd": 16,
            "block_size": 16,
            "batch_size": 4,
            "max_iters": 12,
            "warmup_iters": 2,
            "eval_interval": 6,
            "eval_iters": 2,
            "device": "cpu",
            "threads": 1,
            **changes,
        }
        return PretrainJob(str(data), **values)

    return build


@pytest.fixture(autouse=True)
def matmul_precision() -> Iterator[None]:
    """Give back how 32-bit products are computed: an engine sets it for its whole process."""
    before = torch.get_float32_matmul_precision()
    yield
    torch.set_float32_matmul_precision(before)
