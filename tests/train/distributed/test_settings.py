"""How one training is spread, in plain values."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from secft.train import TrainJob
from secft.train.distributed.settings import DistributedSettings

PAIR = DistributedSettings("ddp", processes=2, timeout=120)


def test_settings_of_place_do_not_change_a_job_s_identity(make_job: Callable[..., TrainJob]) -> None:
    job = make_job(distributed=PAIR)
    moved = replace(job, distributed=replace(PAIR, port=1234, address="10.0.0.1", launcher="accelerate", timeout=9))
    assert job.fingerprint() == moved.fingerprint()
    assert job.fingerprint() != replace(job, distributed=replace(PAIR, processes=3)).fingerprint()
