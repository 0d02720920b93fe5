"""A model that scores answers, trained from pairs: a base with a head of one number (Bradley and Terry 1952)."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from datasets import Dataset
from transformers import AutoModelForSequenceClassification, set_seed
from trl import RewardConfig, RewardTrainer

from secft.train.checkpoints import Progress
from secft.train.engines.loading import Counts, LoadedJob, choose_precision, load_base
from secft.train.engines.observed import ObservedTrainer
from secft.train.engines.paired_rows import LoadedRows, load_rows, tokenise_pair
from secft.train.engines.preference import build_adapted, mixed_settings
from secft.train.job import TrainJob


class ScoreTrainer(ObservedTrainer, RewardTrainer):  # type: ignore[misc]
    """Scores both answers of a pair; the loss is -log sigmoid of their difference."""

    def count(self, inputs: Mapping[str, Any]) -> None:
        """Count both conversations; the loss is on one number for each."""
        self.count_tokens(int(inputs["attention_mask"].sum()), int(inputs["attention_mask"].shape[0]))


def load_scores(job: TrainJob, tokenizer: Any) -> LoadedJob:
    """Load a job that learns to score answers."""
    train = load_rows(Path(job.train_file), tokenizer, job, tokenise_pair)
    validation = None
    if job.validation_file is not None:
        validation = load_rows(Path(job.validation_file), tokenizer, job, tokenise_pair)
    precision = choose_precision(job.precision)
    # The head is drawn at random.
    set_seed(job.seed)
    model = load_base(job, precision, AutoModelForSequenceClassification, num_labels=1)
    model.config.pad_token_id = tokenizer.pad_token_id

    def build(job: TrainJob, checkpoints: Path, progress: Progress, metrics: Path) -> ObservedTrainer:
        settings = mixed_settings(job, checkpoints, len(train.rows), precision)
        arguments = {
            "job": job,
            "progress": progress,
            "metrics": metrics,
            "model": model,
            "args": RewardConfig(**settings, max_length=None),
            "train_dataset": _conversations(train),
            "eval_dataset": None if validation is None else _conversations(validation),
            "processing_class": tokenizer,
        }
        return build_adapted(ScoreTrainer, job, arguments, "SEQ_CLS")

    counts = Counts(len(train.rows), train.dropped, train.truncated)
    return LoadedJob(counts, precision, "trl reward", build)


def _conversations(loaded: LoadedRows) -> Any:
    """Return whole conversations: a score is of an answer to its question."""
    return Dataset.from_list(
        [
            {f"{side}_ids": [*row["prompt_ids"], *row[f"{side}_ids"]] for side in ("chosen", "rejected")}
            for row in loaded.rows
        ]
    )
