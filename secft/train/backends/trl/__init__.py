"""backend=trl: transformers, peft, trl and accelerate in this environment."""

from dataclasses import dataclass

from secft.config.schemas.training import BackendConfig
from secft.train.backends.record import TORCHRUN, BackendRecord


@dataclass
class TrlConfig(BackendConfig):
    """transformers, peft, trl and accelerate, in this environment."""

    name: str = "trl"


BACKEND = BackendRecord(
    name="trl",
    config=TrlConfig,
    implementation="secft.train.backends.trl.backend:TrlBackend",
    program=("python", "-m", "secft.train.backends.trl.runner", "<training>"),
    otherwise="has no trainer for it here",
    launchers=(*TORCHRUN, "ray", "slurm"),
    kernels=True,
    biases=True,
)
