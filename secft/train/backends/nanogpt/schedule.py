"""The learning rate of a step: linear warm-up, cosine decay to a floor."""

from __future__ import annotations

import math

from secft.train.backends.nanogpt.job import PretrainJob


def learning_rate(job: PretrainJob, step: int) -> float:
    """Return the learning rate of a step.

    Args:
        job: peak, floor, warm-up and end of the decay.
        step: optimizer steps done before.

    Source: Loshchilov and Hutter 2017, SGDR, one cycle; step 0 warms up from peak / (warmup_iters + 1).
    """
    if not job.decay_lr:
        return job.learning_rate
    if step < job.warmup_iters:
        return job.learning_rate * (step + 1) / (job.warmup_iters + 1)
    done = min((step - job.warmup_iters) / (job.decay_end - job.warmup_iters), 1.0)
    return job.min_lr + 0.5 * (1.0 + math.cos(math.pi * done)) * (job.learning_rate - job.min_lr)
