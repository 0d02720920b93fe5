"""Objectives over better and worse answers, by the trainers of trl: what their modules share."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from datasets import Dataset
from transformers import AutoModelForSequenceClassification, set_seed

from secft.errors import InputError
from secft.train.backends.trl.loading import (
    Counts,
    LoadedJob,
    adapter_config,
    choose_precision,
    load_base,
    train_in_fp32,
    training_settings,
    with_start,
)
from secft.train.backends.trl.observed import ObservedTrainer as ObservedTrainer
from secft.train.backends.trl.paired_rows import Row, load_rows, tokenise_judged, tokenise_pair
from secft.train.checkpoints import CheckpointProgress
from secft.train.job import TrainJob
from secft.train.views import JUDGED


class ReadyRows:
    """Rows are tokenised already: trl has nothing to prepare."""

    def _prepare_dataset(self, dataset: Any, *_: Any) -> Any:
        return dataset


class RowsOfPairs:
    """Gives trainers of trl.experimental the rows that secft tokenised, in their own columns."""

    def tokenize_row(self, feature: Mapping[str, Any], model: Any = None) -> Row:
        """Return a row with ids, masks and labels of both conversations."""
        row: Row = {}
        for side in ("chosen", "rejected"):
            prompt, answer = feature["prompt_ids"], feature[f"{side}_ids"]
            row[f"{side}_input_ids"] = [*prompt, *answer]
            row[f"{side}_attention_mask"] = [1] * (len(prompt) + len(answer))
            row[f"{side}_labels"] = [*([-100] * len(prompt)), *answer]
        row["prompt_input_ids"] = feature["prompt_ids"]
        row["prompt_attention_mask"] = [1] * len(feature["prompt_ids"])
        return row

    def count(self, inputs: Mapping[str, Any]) -> None:
        """Count both conversations of every pair."""
        sides = ("chosen", "rejected")
        tokens = sum(int(inputs[f"{side}_attention_mask"].sum()) for side in sides)
        supervised = sum(int((inputs[f"{side}_labels"] != -100).sum()) for side in sides)
        self.count_tokens(tokens, supervised)  # type: ignore[attr-defined]  # of ObservedTrainer, beside this class


def load_answers(
    job: TrainJob,
    tokenizer: Any,
    kind: Any,
    configure: Callable[[dict[str, Any]], Any],
    arrange: Callable[[Sequence[Row]], list[Row]] = list,
) -> LoadedJob:
    """Load a job over better and worse answers.

    Args:
        job: what to train.
        tokenizer: of the base model.
        kind: an ObservedTrainer over a trainer of trl.
        configure: makes the settings of that trainer from those that all trainers share.
        arrange: makes the rows of a dataset from tokenised rows.
    """
    tokenise = tokenise_judged if job.objective.rows is JUDGED else tokenise_pair
    train, validation = load_rows(Path(job.train_file), tokenizer, job, tokenise), None
    if job.validation_file is not None:
        validation = load_rows(Path(job.validation_file), tokenizer, job, tokenise)
    precision = choose_precision(job.trainer.precision)
    # Adapters, and the head of a model that scores answers, are drawn at random.
    set_seed(job.seed)
    model = load_scorer(job, precision, tokenizer) if job.objective.scores else load_base(job, precision)

    def build(job: TrainJob, checkpoints: Path, progress: CheckpointProgress, metrics: Path) -> ObservedTrainer:
        arguments = {
            "job": job,
            "progress": progress,
            "metrics": metrics,
            "model": model,
            "args": configure(mixed_settings(job, checkpoints, len(train.rows), precision)),
            "train_dataset": Dataset.from_list(arrange(train.rows)),
            "eval_dataset": None if validation is None else Dataset.from_list(arrange(validation.rows)),
            "processing_class": tokenizer,
        }
        return build_adapted(kind, job, arguments, "SEQ_CLS" if job.objective.scores else "CAUSAL_LM")

    counts = Counts(len(train.rows), train.dropped, train.truncated)
    return LoadedJob(counts, precision, f"trl {job.objective.name}", build)


def load_scorer(job: TrainJob, precision: str, tokenizer: Any) -> Any:
    """Load the base model with a head of one number in place of its own."""
    model = load_base(job, precision, AutoModelForSequenceClassification, num_labels=1)
    model.config.pad_token_id = tokenizer.pad_token_id
    return model


def mixed_settings(job: TrainJob, output_dir: Path, rows: int, precision: str) -> dict[str, Any]:
    """Return settings under which products are computed in the precision, and trained weights are kept in fp32."""
    return {**training_settings(job, output_dir, rows, precision), "bf16": precision == "bf16"}


def build_adapted(kind: Any, job: TrainJob, arguments: dict[str, Any], task: str = "CAUSAL_LM") -> ObservedTrainer:
    """Build a trainer that attaches the adapters itself, so that it knows the base is its reference.

    Where a job goes on with an adapter, the reference is the base with that adapter as it was at the beginning: trl
    keeps a frozen copy of it.

    Raises:
        InputError: the adapter does not fit the model.
    """
    if job.start_adapter:
        arguments["model"] = with_start(arguments["model"], job)
    elif not job.adapter.whole:
        arguments["peft_config"] = adapter_config(job, arguments["model"], task)
    try:
        trainer: ObservedTrainer = kind(**arguments)
    except ValueError as error:
        if "target modules" in str(error).lower() or "target_modules" in str(error):
            raise InputError(f"trainer.lora does not fit this model: {error}") from error
        raise
    train_in_fp32(trainer.model)
    return trainer
