"""The name of a run."""

from __future__ import annotations

from secft.config.run import RunConfig
from secft.files import digest
from secft.stage import lasting
from secft.work.data import source_digests
from secft.work.pretraining import corpus_digests, is_pretraining, trainer_of
from secft.work.training import model_digests


def run_name(config: RunConfig) -> str:
    """Return the name of a run: model, trainer, and a hash of the configuration and of all that is read from outside.

    The same experiment always has the same name; ``name=...`` chooses another one.
    """
    if config.name:
        return config.name
    external = corpus_digests(config) if is_pretraining(config) else model_digests(config)
    sources = {} if is_pretraining(config) and trainer_of(config).files else source_digests(config)
    fingerprint = digest({"config": lasting(config), "external": {**sources, **external}})
    name = "nanogpt" if is_pretraining(config) else config.model.name
    return f"{name}-{config.trainer.name}-{fingerprint[:10]}"
