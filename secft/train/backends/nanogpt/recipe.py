"""Settings as a nanoGPT configuration file: plain assignments, each of a type that nanoGPT's variable has."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from secft.errors import InputError
from secft.train.backends.nanogpt.job import PretrainJob

SETTINGS = (
    "eval_interval", "eval_iters", "log_interval", "gradient_accumulation_steps", "batch_size", "block_size",
    "n_layer", "n_head", "n_embd", "dropout", "bias", "learning_rate", "max_iters", "weight_decay", "beta1", "beta2",
    "grad_clip", "decay_lr", "warmup_iters", "lr_decay_iters", "min_lr", "device", "compile", "dtype", "dataset",
    "out_dir", "init_from", "always_save_checkpoint", "wandb_log",
)  # fmt: skip
"""Names of nanoGPT that may be assigned."""


def nanogpt_config(settings: Mapping[str, Any]) -> str:
    """Return a configuration file.

    Args:
        settings: nanoGPT's names -> int, float, bool or str.

    Raises:
        InputError: a name is not one of nanoGPT's, or a value has another type.
    """
    unknown = sorted(set(settings) - set(SETTINGS))
    if unknown:
        raise InputError(f"not settings of nanoGPT: {', '.join(unknown)}. Available: {', '.join(SETTINGS)}.")
    for name, value in settings.items():
        if not isinstance(value, int | float | bool | str):
            raise InputError(f"{name}={value!r}: a setting of nanoGPT is a number, a truth value or a word.")
    chosen = [f"{name} = {settings[name]!r}" for name in SETTINGS if name in settings]
    return "# Settings for nanoGPT: python train.py config.py\n" + "".join(f"{line}\n" for line in chosen)


def job_settings(job: PretrainJob) -> dict[str, Any]:
    """Return what a job says, under nanoGPT's names; nanoGPT's seed is fixed and its device is a word of torch."""
    names = [name for name in SETTINGS if hasattr(job, name) and name not in ("device", "compile")]
    values = {name: getattr(job, name) for name in names}
    for name in ("learning_rate", "min_lr", "dropout", "weight_decay", "beta1", "beta2", "grad_clip"):
        values[name] = float(values[name])
    # nanoGPT estimates the losses, and saves, at the beginning and at every multiple of the interval.
    interval = min(job.eval_interval or job.max_iters, job.max_iters)
    return {**values, "lr_decay_iters": job.decay_end, "eval_interval": interval}
