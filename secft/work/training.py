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
    PairsConfig,
    PairTrainer,
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
from secft.train.backends import Backend, backend_named
from secft.train.distributed.choice import settings_of
from secft.train.job import (
    LoraSettings,
    PreferenceSettings,
    QuantizationSettings,
    RecoverySettings,
    SamplingSettings,
    TrainJob,
)
from secft.train.launch import run_training
from secft.train.metrics import mean_rewards, read_metrics
from secft.train.views import NothingToLearnError, write_view
from secft.work.data import DATASET

RESULT = "train.json"
VIEWS = "views"
Settings = TypeVar("Settings")
VOLATILE = ("metrics.jsonl", "engine.log", "config.yml", "*.json", "tensorboard/*", "launch/*", "ranks/*", "stop")
"""What may differ between equal trainings: timings and paths. The adapter's weights and configuration may not."""

UNREWARDED = (
    "no sampled answer earned a reward, so that nothing was learned: begin with a model that answers such questions "
    "(trainer=lora first), or let it say more (trainer.sampling.max_new_tokens)"
)


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
    job = training_job(config, inputs["dataset"].path / DATASET, out / VIEWS)
    with following(config.tracker, out) as follow:
        result = run_training(job, chosen_backend(config), out, follow)
    # Checkpoints have served once the adapter is written; kept, they would be most of the cache.
    shutil.rmtree(out / "checkpoints", ignore_errors=True)
    shutil.rmtree(out / VIEWS, ignore_errors=True)
    facts = {**result.as_dict(), "adapter_dir": result.adapter_dir.relative_to(out).as_posix()}
    rows = read_metrics(out / "metrics.jsonl")
    rewards = mean_rewards(rows)
    if rewards and not any(row.get("reward") for row in rows):
        warnings.append(UNREWARDED)
        warn(UNREWARDED)
    learned = f"loss {result.train_loss:.3f}" if rewards is None else f"reward {rewards[0]:.3f} to {rewards[1]:.3f}"
    told = f"{result.steps} steps, {result.tokens:,} tokens, {learned}, "
    return {
        **facts,
        "rewards": rewards,
        "warnings": warnings,
        "headline": told + f"{result.tokens_per_second:.0f} tokens/s, {result.status}",
    }


def chosen_backend(config: RunConfig) -> Backend:
    """Return the backend of a configuration, with its place and what the user hands to it by its own names."""
    extra = plain(getattr(config.backend, "extra", {}))
    return backend_named(config.backend.name, Path(config.paths.backends), extra)


def training_job(config: RunConfig, dataset: Path, views: Path | None = None) -> TrainJob:
    """Translate the configuration into what an engine is told.

    Args:
        config: of the run.
        dataset: the frozen dataset.
        views: where the rows of the objective are written; None leaves the files of the dataset, for a plan.

    Raises:
        InputError: the dataset has nothing that the objective could learn from.
    """
    trainer = config.trainer
    files = training_files(config, dataset, views)
    has_validation = files["validation_file"] is not None
    base = find_base_model(config.model)
    return TrainJob(
        model_dir=str(base.path),
        base_model_name=base.hub_id or base.name,
        train_file=str(files["train_file"]),
        validation_file=files["validation_file"],
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
        kernels=trainer.kernels,  # type: ignore[arg-type]
        gradient_checkpointing=trainer.gradient_checkpointing,
        seed=config.seed,
        eval_steps=trainer.eval_steps,
        save_steps=trainer.save_steps,
        save_total_limit=trainer.save_total_limit,
        early_stopping_patience=trainer.early_stopping_patience if has_validation else 0,
        load_best=has_validation and trainer.early_stopping_patience > 0,
        distributed=settings_of(config.distributed),
        recovery=RecoverySettings(**plain(trainer.recovery)),
    )


def training_files(config: RunConfig, dataset: Path, views: Path | None) -> dict[str, str | None]:
    """Return the training and the validation file of a job; a split without a row for the objective is None."""
    trainer = config.trainer
    pairs = trainer.pairs if isinstance(trainer, PairTrainer) else PairsConfig()

    def view(split: Path) -> str:
        made = split if views is None else write_view(split, objective_of(trainer), pairs, views, config.seed)
        return str(made.absolute())

    validation, validation_file = dataset / "validation.jsonl", None
    if validation.is_file() and validation.stat().st_size > 0:
        try:
            validation_file = view(validation)
        except NothingToLearnError:
            validation_file = None
    return {"train_file": view(dataset / "train.jsonl"), "validation_file": validation_file}


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
