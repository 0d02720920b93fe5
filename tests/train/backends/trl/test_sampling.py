"""Rows of questions that cannot be trained."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from secft.config.schemas.training import SamplingConfig
from secft.errors import InputError
from secft.train import TrainJob
from tests.train.conftest import rows_of, train_here, write_rows

# The libraries deprecate things among themselves; what they warn about is not ours to fix here.
pytestmark = [
    pytest.mark.filterwarnings("ignore::FutureWarning", "ignore::UserWarning"),
    pytest.mark.usefixtures("restored_signals"),
]


Make = Callable[..., TrainJob]


@pytest.fixture
def make(make_job: Make, tmp_path: Path) -> Make:
    """A job of an objective over 16 training and 6 validation rows."""

    def build(objective: str, **changes: Any) -> TrainJob:
        train = write_rows(tmp_path / f"{objective}-train.jsonl", rows_of(objective, range(16)))
        validation = write_rows(tmp_path / f"{objective}-validation.jsonl", rows_of(objective, range(100, 106)))
        values: dict[str, Any] = {
            "objective": objective,
            "train_file": str(train),
            "validation_file": str(validation),
            "packing": objective == "continue",
            **({"sampling": SamplingConfig(generations=2, max_new_tokens=8)} if objective == "grpo" else {}),
            "scheduler": "constant",
            "warmup_ratio": 0.0,
            "threads": 1,
            **changes,
        }
        return make_job(**values)

    return build


def test_questions_that_do_not_fill_a_batch_are_refused(make: Make, tmp_path: Path) -> None:
    with pytest.raises(InputError, match="do not fill one batch of 32"):
        train_here(make("grpo", micro_batch_size=16, gradient_accumulation=2), tmp_path / "run")


def test_a_view_of_another_objective_is_refused(make: Make, tmp_path: Path) -> None:
    job = replace(make("dpo"), trainer=make("grpo").trainer)
    with pytest.raises(InputError, match="not a row of grpo"):
        train_here(job, tmp_path / "run")
