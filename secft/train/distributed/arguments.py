"""What transformers' TrainingArguments are told about several processes."""

from __future__ import annotations

from typing import Any

from secft.train.distributed.libraries import deepspeed_json, fsdp_config
from secft.train.job import TrainJob


def spread_settings(job: TrainJob) -> dict[str, Any]:
    """Return the arguments that several processes need; none for a training in one process."""
    settings = job.distributed
    if settings.world == 1:
        return {}
    values: dict[str, Any] = {"ddp_timeout": settings.timeout}
    if settings.device == "cpu":
        values["ddp_backend"] = "gloo"
    if settings.zero_stage:
        values["deepspeed"] = deepspeed_json(settings)
    if settings.strategy == "fsdp2":
        values["fsdp"] = True
        values["fsdp_config"] = fsdp_config(settings, checkpointing=job.trainer.gradient_checkpointing)
        # FSDP recomputes activations itself.
        values["gradient_checkpointing"] = False
    return values
