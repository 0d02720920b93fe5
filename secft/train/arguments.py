"""A job by the names that the libraries of Hugging Face have for its settings."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from secft.train.job import TrainJob


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
        "per_device_train_batch_size": job.micro_batch,
        "per_device_eval_batch_size": job.micro_batch,
        "gradient_accumulation_steps": job.gradient_accumulation,
        "learning_rate": job.learning_rate,
        "lr_scheduler_type": job.scheduler,
        "warmup_steps": job.warmup_steps(rows),
        "weight_decay": job.weight_decay,
        "max_grad_norm": job.max_grad_norm,
        "num_train_epochs": job.epochs,
        "max_steps": job.max_steps,
        "optim": "adamw_torch_fused",
        "seed": job.seed,
        "data_seed": job.seed,
        "gradient_checkpointing": job.gradient_checkpointing,
        "logging_strategy": "steps",
        "logging_steps": job.log_steps,
        "logging_nan_inf_filter": False,
        "eval_strategy": ("steps" if job.eval_steps > 0 else "epoch") if validates else "no",
        "eval_steps": job.eval_steps or None,
        "save_strategy": "steps" if job.save_steps > 0 else "epoch",
        "save_steps": job.save_steps or 500,
        # One checkpoint is deleted before the marker of the next one is written.
        "save_total_limit": max(job.save_total_limit, 2),
        "disable_tqdm": True,
        "report_to": "none",
    }


def adapter_arguments(job: TrainJob) -> dict[str, Any]:
    """Return what peft's ``LoraConfig`` is told."""
    settings = job.lora
    names = [name.strip() for name in settings.target_modules.split(",")]
    return {
        "r": settings.r,
        "lora_alpha": settings.alpha,
        "lora_dropout": settings.dropout,
        "target_modules": settings.target_modules if names == ["all-linear"] else names,
        "bias": settings.bias,
        "use_rslora": settings.rslora,
        "use_dora": job.adapter == "dora",
    }
