"""A rough forecast of a training run, for plans: right within a factor of two, not more."""

from __future__ import annotations

import os
from dataclasses import dataclass

from secft.train.job import TrainJob

# Sustained matrix products per CPU core on current server processors with AVX-512, in FLOP/s.
CORE_RATE = {"bf16": 300e9, "fp32": 80e9}
BYTES = {"bf16": 2, "fp32": 4}


@dataclass(frozen=True)
class Estimate:
    """Forecast of one run.

    Attributes:
        seconds: training steps on this machine's CPU cores; loading (10 to 20 s) and validation not included.
        memory_gib: peak memory of the engine.
    """

    seconds: float
    memory_gib: float


def estimate_training(
    job: TrainJob, *, parameters: int, tokens: int, precision: str, hidden_size: int, layers: int
) -> Estimate:
    """Forecast time and memory of a job on the CPU.

    Args:
        job: what would be trained.
        parameters: weights of the base model.
        tokens: tokens of one pass over the training data.
        precision: bf16 or fp32.
        hidden_size: width of the residual stream.
        layers: decoder layers.

    Adapters need a forward product and one backward product per frozen weight (4 FLOP per weight and token),
    full training a second backward product (6). Activations are about 20 hidden vectors per layer and token.
    """
    per_token = (6 if job.method == "full" else 4) * parameters
    batch = job.micro_batch * job.max_length
    total = (
        tokens * job.epochs if job.max_steps <= 0 else min(tokens, batch) * job.max_steps * job.gradient_accumulation
    )
    cores = job.threads or len(os.sched_getaffinity(0))
    weights = parameters * (BYTES[precision] if job.method != "full" else 16)
    activations = batch * layers * 20 * hidden_size * BYTES[precision]
    return Estimate(
        seconds=total * per_token / (cores * CORE_RATE[precision]),
        memory_gib=(weights + activations) / 2**30 + 0.8,
    )
