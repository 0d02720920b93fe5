"""What the digest of a training leaves out: timings and paths, and nothing of the adapter."""

from __future__ import annotations

import fnmatch
from typing import Any

import pytest

from secft.pipelines import FINETUNE_STAGES, PRETRAIN_STAGES
from secft.stage import Stage

TRAININGS = [stage for stage in (*FINETUNE_STAGES, *PRETRAIN_STAGES) if stage.name == "train"]
LASTING = (
    "adapter/adapter_config.json", "adapter/tokenizer.json", "adapter/adapter_model.safetensors", "model/config.json",
    "weights/config.json",
)  # fmt: skip
CHANGING = ("job.json", "runner.json", "result.json", "started.json", "metrics.jsonl", "engine.log", "launch/node.sh")


@pytest.mark.parametrize("stage", TRAININGS, ids=["fine-tuning", "pretraining"])
def test_the_configuration_of_an_adapter_belongs_to_the_digest(stage: Stage[Any]) -> None:
    patterns = stage.volatile
    hidden = [name for name in (*LASTING, *CHANGING) if any(fnmatch.fnmatch(name, pattern) for pattern in patterns)]
    assert hidden == list(CHANGING)
