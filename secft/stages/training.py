"""Dataset and base model to adapter."""

from __future__ import annotations

import shutil
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from secft.base import find_base_model, find_start, started_with
from secft.config.roots import RunConfig
from secft.config.schemas.distributed import DistributedConfig
from secft.config.schemas.hardware import HardwareConfig
from secft.config.schemas.model import ModelConfig
from secft.config.schemas.training import BackendConfig, PairsConfig, PairTrainer, TrackerConfig, TrainerConfig
from secft.dataset.excerpt import excerpt
from secft.documents.dataset_manifest import read_dataset_manifest
from secft.documents.train_result import TrainingRecord
from secft.files import plain
from secft.log import warn
from secft.models.adapters import StartAdapter
from secft.stage import INTERNAL, Inputs
from secft.stages.dataset import DATASET
from secft.track import following
from secft.train.backends.backend import Backend, backend_named
from secft.train.distributed.choice import settings_of
from secft.train.job import TrainJob
from secft.train.launch import run_training
from secft.train.metrics import mean_rewards, read_metrics
from secft.train.objectives import objective_of
from secft.train.passes import cut_short, told_short
from secft.train.views import NothingToLearnError, counts_of_view, write_view
from secft.versions import MANIFEST

VIEWS = "views"
VOLATILE = (
    "metrics.jsonl", "engine.log", "config.yml", "job.json", "runner.json", "settings.json", "started.json",
    "result.json", "recovery.json", "diverged.json", "tensorboard/*", "launch/*", "ranks/*", "stop",
)  # fmt: skip
"""What may differ between equal trainings: timings and paths. The adapter's weights and configuration may not."""

UNREWARDED = (
    "no sampled answer earned a reward, so that nothing was learned: begin with a model that answers such questions "
    "(trainer=lora first), or let it say more (trainer.sampling.max_new_tokens)"
)


@dataclass(frozen=True)
class TrainSettings:
    """What a training depends on.

    Attributes:
        trainer: what is learned.
        backend: what trains.
        distributed: on how many processes.
        seed: of adapters, order and packing.
        model: what is trained; its digests belong to the fingerprint.
        tracker: who is told about progress.
        backends: where environments of backends are.
        start: the adapter that it begins with; its digest belongs to the fingerprint.
        hardware: on what.
    """

    trainer: TrainerConfig
    backend: BackendConfig
    distributed: DistributedConfig
    seed: int
    model: ModelConfig = field(metadata=INTERNAL)
    tracker: TrackerConfig = field(metadata=INTERNAL)
    backends: Path = field(metadata=INTERNAL)
    start: StartAdapter | None = field(default=None, metadata=INTERNAL)
    hardware: HardwareConfig | None = field(default=None, metadata=INTERNAL)

    @classmethod
    def of(cls, config: RunConfig) -> TrainSettings:
        """Take them from the configuration of a run."""
        backends = Path(config.paths.backends)
        parts = (config.trainer, config.backend, config.distributed, config.seed)
        start = find_start(config.model, config.paths)
        return cls(*parts, config.model, config.tracker, backends, start, config.hardware)


def model_digests(model: ModelConfig, start: StartAdapter | None) -> dict[str, str]:
    """Return what identifies a base model and the adapter that is beside it from the beginning."""
    base = find_base_model(model)
    return {
        "model": base.digest,
        "config": base.config_digest,
        "tokenizer": base.tokenizer_digest,
        "chat_template": base.chat_template_digest,
        **({"adapter": start.digest} if start else {}),
    }


def train(settings: TrainSettings, inputs: Inputs, out: Path) -> dict[str, Any]:
    """Train in the stage's own directory, going on from the last checkpoint there.

    Raises:
        InputError: the dataset has nothing that the objective could learn from.
    """
    job = training_job(settings, inputs["dataset"].path / DATASET, out / VIEWS)
    short = told_short(settings.trainer, tokens_of(inputs["dataset"].path / DATASET))
    origin = counts_of_view(Path(job.train_file))
    told = [text for text in (short, origin.text() if origin and origin.made else "") if text]
    for text in told:
        warn(text)
    own = f" {origin.text()}." if origin and not origin.made else ""
    with following(settings.tracker, out) as follow:
        result = run_training(job, chosen_backend(settings), out, follow)
    # Checkpoints have served once the adapter is written; kept, they would be most of the cache.
    shutil.rmtree(out / "checkpoints", ignore_errors=True)
    shutil.rmtree(out / VIEWS, ignore_errors=True)
    rows = read_metrics(out / "metrics.jsonl")
    rewards, warnings = mean_rewards(rows), told
    if rewards and not any(row.get("reward") for row in rows):
        warnings.append(UNREWARDED)
        warn(UNREWARDED)
    learned = f"loss {result.train_loss:.3f}" if rewards is None else f"reward {rewards[0]:.3f} to {rewards[1]:.3f}"
    speed = f"{result.tokens_per_second:.0f} tokens/s, {result.status}"
    record = TrainingRecord(
        **{**vars(result), "adapter_dir": result.adapter_dir.relative_to(out)},
        adapter=job.adapter.name,
        learned_from=f"{job.objective.loss}{own}",
        scores_answers=job.objective.scores,
        rewards=rewards,
        warnings=warnings,
        headline=f"{result.steps} steps, {result.tokens:,} tokens, {learned}, {speed}",
    )
    return record.as_dict()


def training_record(inputs: Inputs) -> TrainingRecord:
    """Return what the stage of training left for later ones."""
    return TrainingRecord.from_dict(inputs["train"].summary)


def chosen_backend(settings: TrainSettings) -> Backend[TrainJob]:
    """Return the backend, with its place and what the user hands to it by its own names."""
    extra = plain(getattr(settings.backend, "extra", {}))
    return backend_named(settings.backend.name, settings.backends, extra)


def training_job(settings: TrainSettings, dataset: Path, views: Path | None = None) -> TrainJob:
    """Translate the settings into what a runner is told.

    Args:
        settings: of the stage.
        dataset: the frozen dataset.
        views: where the rows of the objective are written; None leaves the files of the dataset, for a plan.

    Raises:
        InputError: the dataset has nothing that the objective could learn from.
    """
    trainer = replace(started_with(settings.trainer, settings.start), pass_tokens=None)
    files = training_files(settings, dataset, views)
    validates = files["validation_file"] is not None
    base = find_base_model(settings.model)
    return TrainJob(
        model_dir=str(base.path),
        start_adapter=str(settings.start.path) if settings.start else "",
        base_model_name=base.hub_id or base.name,
        train_file=str(files["train_file"]),
        validation_file=files["validation_file"],
        trainer=trainer if validates else replace(trainer, early_stopping_patience=0),
        seed=settings.seed,
        load_best=validates and trainer.early_stopping_patience > 0,
        distributed=settings_of(settings.distributed, settings.hardware),
    )


def tokens_of(dataset: Path) -> int:
    """Return the tokens of the training split, in the chat template of the model; 0 where nobody counted them."""
    frozen = (dataset / MANIFEST).is_file()
    return read_dataset_manifest(dataset).splits["train"].tokens if frozen else 0


def training_files(settings: TrainSettings, dataset: Path, views: Path | None) -> dict[str, str | None]:
    """Return the training and the validation file of a job; a split without a row for the objective is None."""
    trainer = settings.trainer
    pairs = trainer.pairs if isinstance(trainer, PairTrainer) else PairsConfig()

    def view(split: Path) -> str:
        made = split if views is None else write_view(split, objective_of(trainer).rows, pairs, views, settings.seed)
        return str(made.absolute())

    validation, validation_file = dataset / "validation.jsonl", None
    if validation.is_file() and validation.stat().st_size > 0:
        try:
            validation_file = view(validation)
        except NothingToLearnError:
            validation_file = None
    train, part = dataset / "train.jsonl", cut_short(trainer, tokens_of(dataset)).epochs / trainer.epochs
    if part < 1 and views is not None:
        views.mkdir(parents=True, exist_ok=True)
        train = excerpt(train, views / "train.short.jsonl", part, settings.seed)
    return {"train_file": view(train), "validation_file": validation_file}
