"""From the configuration of a run to what its training is checked by."""

from __future__ import annotations

from secft.config.run import RunConfig
from secft.train.setup import TrainingSetup


def setup_of(config: RunConfig) -> TrainingSetup:
    """Return the parts of a configuration that decide whether and how a training runs."""
    return TrainingSetup(
        model=config.model,
        trainer=config.trainer,
        backend=config.backend,
        distributed=config.distributed,
        hardware=config.hardware,
        validation_fraction=config.curation.split.validation_fraction,
    )
