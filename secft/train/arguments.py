"""A job by the names that the libraries of Hugging Face have for its settings."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from secft.config.schemas.training import OPTIMIZERS
from secft.train.job import TrainJob

ALL_LINEAR = ["all-linear"]
ONLY_AT_THE_END = 10**9
"""Steps between checkpoints; more than any training has."""


def training_arguments(job: TrainJob, output_dir: Path, rows: int, *, validates: bool) -> dict[str, Any]:
    """Return what every ``transformers.TrainingArguments`` is told, whatever its trainer adds.

    Args:
        job: what to train.
        output_dir: receives checkpoints.
        rows: of training, packed as they will be.
        validates: there is a validation loss.
    """
    return {
        "output_dir": str(output_dir),
        "per_device_train_batch_size": job.trainer.micro_batch_size,
        "per_device_eval_batch_size": job.trainer.micro_batch_size,
        "gradient_accumulation_steps": job.trainer.gradient_accumulation,
        "learning_rate": job.trainer.learning_rate,
        "lr_scheduler_type": job.trainer.scheduler,
        "warmup_steps": job.warmup_steps(rows),
        "weight_decay": job.trainer.weight_decay,
        "max_grad_norm": job.trainer.max_grad_norm,
        "num_train_epochs": job.trainer.epochs,
        "max_steps": job.trainer.max_steps or -1,
        "optim": optimizer_argument(job, "adamw_torch_fused"),
        "seed": job.seed,
        "data_seed": job.seed,
        "gradient_checkpointing": job.trainer.gradient_checkpointing,
        "logging_strategy": "steps",
        "logging_steps": job.log_steps,
        "logging_nan_inf_filter": False,
        **intervals(job, validates=validates),
        "disable_tqdm": True,
        "report_to": "none",
    }


def optimizer_argument(job: TrainJob, plain: str) -> str:
    """Return ``optim`` of transformers' TrainingArguments; ``plain`` is the backend's AdamW with moments in fp32."""
    chosen = OPTIMIZERS[job.trainer.optimizer]
    return chosen.name if chosen.eight_bit else plain


def intervals(job: TrainJob, *, validates: bool) -> dict[str, Any]:
    """Return when a trainer of transformers evaluates and saves; 0 steps is only at the end.

    transformers saves after the last step whatever ``save_steps`` is; the validation loss of the last step is measured
    by secft's runners where the trainer did not.
    """
    evaluates = validates and job.trainer.eval_steps > 0
    return {
        "eval_strategy": "steps" if evaluates else "no",
        "eval_steps": job.trainer.eval_steps if evaluates else None,
        "save_strategy": "steps",
        "save_steps": job.trainer.save_steps or ONLY_AT_THE_END,
        # One checkpoint is deleted before the marker of the next one is written.
        "save_total_limit": max(job.trainer.save_total_limit, 2),
    }


def target_modules(job: TrainJob) -> list[str]:
    """Return the names of the modules that get an adapter, in alphabetical order."""
    return sorted(job.lora.target_modules)


def adapter_arguments(job: TrainJob) -> dict[str, Any]:
    """Return what peft's ``LoraConfig`` is told."""
    settings, names = job.lora, target_modules(job)
    return {
        "r": settings.r,
        "lora_alpha": settings.alpha,
        "lora_dropout": settings.dropout,
        "target_modules": names[0] if names == ALL_LINEAR else names,
        "bias": settings.bias,
        **({"modules_to_save": sorted(settings.modules_to_save)} if settings.modules_to_save else {}),
        "use_dora": job.adapter.magnitudes,
    }
