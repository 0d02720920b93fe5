"""Training: a job, its rendering for a backend, its launch, and what came out.

Importing this package loads neither torch nor transformers.
"""

from secft.documents.train_result import TrainResult
from secft.train.backends.backend import Backend, backend_named
from secft.train.job import TrainJob
from secft.train.launch import run_training
from secft.train.objectives import trainer_named

__all__ = [
    "Backend",
    "TrainJob",
    "TrainResult",
    "backend_named",
    "run_training",
    "trainer_named",
]
