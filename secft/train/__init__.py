"""Training: a job, its rendering for a backend, its launch, and what came out.

Importing this package loads neither torch nor transformers.
"""

from secft.train.backends import Backend, backend_named
from secft.train.job import LoraSettings, TrainJob, TrainResult
from secft.train.launch import run_training

__all__ = [
    "Backend",
    "LoraSettings",
    "TrainJob",
    "TrainResult",
    "backend_named",
    "run_training",
]
