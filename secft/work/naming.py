"""The name of a run."""

from __future__ import annotations

from secft.config.run import RunConfig
from secft.files import digest
from secft.stage import lasting
from secft.work.data import source_digests
from secft.work.training import model_digests


def run_name(config: RunConfig) -> str:
    """Return the name of a run: model, trainer, and a hash of the configuration and of all that is read from outside.

    The same experiment always has the same name; ``name=...`` chooses another one.
    """
    if config.name:
        return config.name
    fingerprint = digest({"config": lasting(config), "external": {**source_digests(config), **model_digests(config)}})
    return f"{config.model.name}-{config.trainer.name}-{fingerprint[:10]}"
