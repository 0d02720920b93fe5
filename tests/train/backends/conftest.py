"""Jobs of every objective for separate backends."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from secft.train import TrainJob
from tests.train.backends.rendering import row_of
from tests.train.conftest import write_rows

Make = Callable[..., TrainJob]


@pytest.fixture
def job_of(make_job: Make, tmp_path: Path) -> Callable[..., TrainJob]:
    """A job of an objective over 12 training and 4 validation rows."""

    def build(objective: str = "sft", **changes: Any) -> TrainJob:
        train = write_rows(tmp_path / f"{objective}-train.jsonl", [row_of(i, objective) for i in range(12)])
        held = write_rows(tmp_path / f"{objective}-held.jsonl", [row_of(i, objective) for i in range(50, 54)])
        return make_job(train_file=str(train), validation_file=str(held), objective=objective, **changes)

    return build
