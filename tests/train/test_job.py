"""A job: its file, its identity, its checks."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from secft.errors import InputError
from secft.train import TrainJob
from tests.train.conftest import conversation, write_rows

# The libraries deprecate things among themselves; what they warn about is not ours to fix here.
pytestmark = [
    pytest.mark.filterwarnings("ignore::FutureWarning", "ignore::UserWarning"),
    pytest.mark.usefixtures("restored_signals"),
]


Make = Callable[..., TrainJob]


def test_missing_files_and_bad_values_are_reported_together(make_job: Make) -> None:
    job = make_job(train_file="/nowhere.jsonl", micro_batch_size=0, precision="fp8")
    with pytest.raises(InputError, match=r"precision.*micro_batch.*train_file"):
        job.check()


def test_job_survives_its_file(make_job: Make, tmp_path: Path) -> None:
    job = make_job()
    job.write(tmp_path / "job.json")
    assert TrainJob.read(tmp_path / "job.json") == job


def test_fingerprint_follows_content_not_place(make_job: Make, tmp_path: Path) -> None:
    job = make_job()
    copy = tmp_path / "copy.jsonl"
    copy.write_bytes(Path(job.train_file).read_bytes())
    moved = replace(job, train_file=str(copy))
    assert moved.fingerprint() == job.fingerprint()
    write_rows(copy, [conversation(1)])
    assert moved.fingerprint() != job.fingerprint()
