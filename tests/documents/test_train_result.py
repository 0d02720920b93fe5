"""What a training leaves: written, read again, also as earlier versions wrote it."""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any

import pytest

from secft.documents.train_result import TrainingRecord, TrainResult
from secft.errors import InputError

EARLIER: dict[str, Any] = {
    "adapter_dir": "adapter", "status": "completed", "steps": 3, "epochs": 1.0, "examples": 6, "dropped": 1,
    "truncated": 0, "tokens": 90, "supervised_tokens": 40, "seconds": 2.5, "train_loss": 1.5,
    "best_validation_loss": None, "final_validation_loss": None, "tokens_per_second": 36.0, "peak_memory_gib": 0.5,
    "precision": "fp32", "engine": "generic", "trainable_parameters": 12, "versions": {"torch": "2.13.0"},
    "job_digest": "abc",
}  # fmt: skip
"""A result.json of a version without recoveries, with a key that no later reader needs."""


def test_a_result_of_an_earlier_version_is_read(tmp_path: Path) -> None:
    result = TrainResult.from_dict(EARLIER, tmp_path)
    assert result.adapter_dir == tmp_path / "adapter"
    assert result.recoveries == []
    assert TrainResult.from_dict({**EARLIER, "recoveries": [{"kind": "memory"}]}).recoveries == [{"kind": "memory"}]


def test_what_is_missing_is_named() -> None:
    with pytest.raises(InputError, match="lacks steps, engine"):
        TrainResult.from_dict({key: value for key, value in EARLIER.items() if key not in ("steps", "engine")})


def test_a_record_survives_json_and_a_summary_without_its_own_fields_is_read() -> None:
    record = TrainingRecord(**vars(TrainResult.from_dict(EARLIER)), adapter="qlora", rewards=[0.1, 0.4])
    assert TrainingRecord.from_dict(json.loads(json.dumps(record.as_dict()))) == record
    assert record.is_adapter
    earlier = TrainingRecord.from_dict(EARLIER)
    assert (earlier.rewards, earlier.warnings, earlier.learned_from) == (None, [], "")


def test_a_loss_that_is_not_finite_is_none_in_json() -> None:
    record = TrainingRecord.from_dict({**EARLIER, "train_loss": None})
    assert math.isnan(record.train_loss)
    assert record.as_dict()["train_loss"] is None


def test_rewards_stand_in_the_place_of_losses() -> None:
    assert TrainingRecord.from_dict(EARLIER).progress == {"loss": 1.5, "held_out_loss": None}
    rewarded = TrainingRecord.from_dict({**EARLIER, "rewards": [0.1, 0.4], "best_validation_loss": -0.5})
    assert rewarded.progress == {"first_reward": 0.1, "reward": 0.4, "held_out_reward": 0.5}
