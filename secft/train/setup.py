"""What a training is checked and predicted by, before there is a dataset and a job."""

from __future__ import annotations

from dataclasses import dataclass

from secft.config.schemas.distributed import DistributedConfig
from secft.config.schemas.hardware import HardwareConfig
from secft.config.schemas.model import ModelConfig
from secft.config.schemas.training import BackendConfig, TrainerConfig


@dataclass(frozen=True)
class TrainingSetup:
    """The parts of a configuration that decide whether and how a training runs.

    Attributes:
        model: what is trained.
        trainer: what is learned, and how.
        backend: what trains.
        distributed: on how many processes.
        hardware: on what.
        validation_fraction: part of the examples that is held out for validation losses.
    """

    model: ModelConfig
    trainer: TrainerConfig
    backend: BackendConfig
    distributed: DistributedConfig
    hardware: HardwareConfig
    validation_fraction: float

    @property
    def world(self) -> int:
        """Processes that train together."""
        return self.distributed.processes * self.distributed.nodes

    @property
    def global_batch(self) -> int:
        """Rows of one optimiser step."""
        return self.trainer.micro_batch_size * self.trainer.gradient_accumulation * self.world
