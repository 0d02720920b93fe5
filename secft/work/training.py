"""Dataset and base model to adapter."""

from __future__ import annotations

import shutil
from dataclasses import fields
from pathlib import Path
from typing import Any, TypeVar

from secft.base import find_base_model
from secft.config.run import RunConfig
from secft.config.training import (
    LoraTrainer,
    QloraTrainer,
    SampledTrainer,
    TrainerConfig,
    adapter_of,
    objective_of,
)
from secft.files import plain
from secft.log import warn
from secft.planning.findings import before_training
from secft.stage import Inputs
from secft.track import following
from secft.train.backends import backend_named
from secft.train.job import (
    LoraSettings,
    PreferenceSettings,
    QuantizationSettings,
    RecoverySettings,
    SamplingSettings,
    TrainJob,
)
from secft.train.launch import run_training
from secft.work.data import DATASET

RESULT = "train.json"
Settings = TypeVar("Settings")
VOLATILE = ("metrics.jsonl", "engine.log", "*.json", "tensorboard/*")
"""What may differ between equal trainings: timings and paths. The adapter's weights and configuration may not."""


def model_digests(config: RunConfig) -> dict[str, str]:
    """Return what identifies the base model."""
    base = find_base_model(config.model)
    return {"model": base.digest, "tokenizer": base.tokenizer_digest, "chat_template": base.chat_template_digest}


def train(config: RunConfig, inputs: Inputs, out: Path) -> dict[str, Any]:
    """Train in the stage's own directory, going on from the last checkpoint there.

    Raises:
        ConfigError: checks of the dataset and the model found something wrong; all of it is told, nothing was started.
    """
    warnings = before_training(config, inputs["dataset"].path / DATASET)
    for text in warnings:
        warn(text)
    job = training_job(config, inputs["dataset"].path / DATASET)
    with following(config.tracker, out) as follow:
        result = run_training(job, backend_named(config.backend.name), out, follow)
    # Checkpoints have served once the adapter is written; kept, they would be most of the cache.
    shutil.rmtree(out / "checkpoints", ignore_errors=True)
    facts = {**result.as_dict(), "adapter_dir": result.adapter_dir.relative_to(out).as_posix()}
    told = f"{result.steps} steps, {result.tokens:,} tokens, loss {result.train_loss:.3f}, "
    return {
        **facts,
        "warnings": warnings,
        "headline": told + f"{result.tokens_per_second:.0f} tokens/s, {result.status}",
    }


def training_job(config: RunConfig, dataset: Path) -> TrainJob:
    """Translate the configuration into what an engine is told."""
    trainer = config.trainer
    validation = dataset / "validation.jsonl"
    has_validation = validation.is_file() and validation.stat().st_size > 0
    base = find_base_model(config.model)
    return TrainJob(
        model_dir=str(base.path),
        base_model_name=base.hub_id or base.name,
        train_file=str(dataset.absolute() / "train.jsonl"),
        validation_file=str(validation.absolute()) if has_validation else None,
        objective=objective_of(trainer),  # type: ignore[arg-type]  # the schema allows the same names
        adapter=adapter_of(trainer),  # type: ignore[arg-type]
        lora=_lora(trainer),
        quantization=_quantization(trainer),
        preference=_settings(PreferenceSettings, trainer),
        sampling=_sampling(trainer),
        learning_rate=trainer.learning_rate,
        scheduler=trainer.scheduler,  # type: ignore[arg-type]
        warmup_ratio=trainer.warmup_ratio,
        weight_decay=trainer.weight_decay,
        max_grad_norm=trainer.max_grad_norm,
        epochs=trainer.epochs,
        max_steps=trainer.max_steps or -1,
        micro_batch=trainer.micro_batch_size,
        gradient_accumulation=trainer.gradient_accumulation,
        max_length=trainer.max_length,
        packing=trainer.packing,
        precision=trainer.precision,  # type: ignore[arg-type]
        compile=trainer.compile,  # type: ignore[arg-type]
        attention=trainer.attention,
        gradient_checkpointing=trainer.gradient_checkpointing,
        seed=config.seed,
        eval_steps=trainer.eval_steps,
        save_steps=trainer.save_steps,
        save_total_limit=trainer.save_total_limit,
        early_stopping_patience=trainer.early_stopping_patience if has_validation else 0,
        load_best=has_validation and trainer.early_stopping_patience > 0,
        recovery=RecoverySettings(**plain(trainer.recovery)),
    )


def _lora(trainer: TrainerConfig) -> LoraSettings:
    if not isinstance(trainer, LoraTrainer):
        return LoraSettings()
    lora = trainer.lora
    return LoraSettings(
        r=lora.r,
        alpha=lora.alpha,
        dropout=lora.dropout,
        target_modules=",".join(lora.target_modules),
        bias=lora.bias,
    )


def _quantization(trainer: TrainerConfig) -> QuantizationSettings:
    if not isinstance(trainer, QloraTrainer):
        return QuantizationSettings()
    return QuantizationSettings(**plain(trainer.quantization))


def _settings(kind: type[Settings], trainer: TrainerConfig) -> Settings:
    """Return the settings of a kind that a trainer has; what it lacks stays as it is by default."""
    names = {entry.name for entry in fields(kind)}  # type: ignore[arg-type]
    return kind(**{name: value for name, value in vars(trainer).items() if name in names})


def _sampling(trainer: TrainerConfig) -> SamplingSettings:
    if not isinstance(trainer, SampledTrainer):
        return SamplingSettings()
    return SamplingSettings(**plain(trainer.sampling), kl=trainer.kl)
