"""Objectives over better and worse answers: dpo, kto, orpo and simpo, by the trainers of trl.

The reference model of dpo and kto is the base with its adapter switched off; without an adapter it is a second copy.
orpo and simpo need none.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import torch
from datasets import Dataset
from transformers import set_seed
from trl import DPOConfig, DPOTrainer, KTOConfig, KTOTrainer
from trl.experimental.cpo import CPOConfig, CPOTrainer
from trl.experimental.orpo import ORPOConfig, ORPOTrainer

from secft.errors import InputError
from secft.train.checkpoints import Progress
from secft.train.engines.loading import (
    Counts,
    LoadedJob,
    adapter_config,
    choose_precision,
    load_base,
    training_settings,
)
from secft.train.engines.observed import ObservedTrainer
from secft.train.engines.paired_rows import (
    LoadedRows,
    Row,
    load_rows,
    tokenise_judged,
    tokenise_pair,
    with_other_answers,
)
from secft.train.job import TrainJob


class _ReadyRows:
    """Rows are tokenised already: trl has nothing to prepare."""

    def _prepare_dataset(self, dataset: Any, *_: Any) -> Any:
        return dataset


class DirectTrainer(_ReadyRows, ObservedTrainer, DPOTrainer):  # type: ignore[misc]
    """Direct preference optimisation (Rafailov et al. 2023)."""


class JudgedTrainer(_ReadyRows, ObservedTrainer, KTOTrainer):  # type: ignore[misc]
    """Good and bad answers, each alone (Ethayarajh et al. 2024)."""

    def count(self, inputs: Mapping[str, Any]) -> None:
        """Count answers with their questions, those that only estimate the divergence too."""
        tokens = int(inputs["attention_mask"].sum()) + int(inputs["KL_attention_mask"].sum())
        self.count_tokens(tokens, int(inputs["completion_mask"].sum()))


class _RowsOfPairs:
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


class OddsTrainer(_RowsOfPairs, ObservedTrainer, ORPOTrainer):  # type: ignore[misc]
    """Imitation and odds ratio at once (Hong et al. 2024); trl's imitation is of question and answer."""


class MarginTrainer(_RowsOfPairs, ObservedTrainer, CPOTrainer):  # type: ignore[misc]
    """Mean log-probabilities with a margin (Meng et al. 2024)."""


def _dpo(job: TrainJob, settings: dict[str, Any]) -> Any:
    preference = job.preference
    return DPOConfig(**settings, beta=preference.beta, label_smoothing=preference.label_smoothing, max_length=None)


def _kto(job: TrainJob, settings: dict[str, Any]) -> Any:
    told = job.preference
    weights = {"desirable_weight": told.desirable_weight, "undesirable_weight": told.undesirable_weight}
    return KTOConfig(**settings, beta=told.beta, max_length=None, **weights)


def _orpo(job: TrainJob, settings: dict[str, Any]) -> Any:
    return ORPOConfig(**settings, beta=job.preference.beta, max_length=job.max_length)


def _simpo(job: TrainJob, settings: dict[str, Any]) -> Any:
    # Without the imitation term of CPO what is left is SimPO.
    told = {"beta": job.preference.beta, "simpo_gamma": job.preference.gamma, "cpo_alpha": 0.0}
    return CPOConfig(**settings, loss_type="simpo", max_length=job.max_length, **told)


METHODS: dict[str, tuple[Any, Callable[[TrainJob, dict[str, Any]], Any]]] = {
    "dpo": (DirectTrainer, _dpo),
    "kto": (JudgedTrainer, _kto),
    "orpo": (OddsTrainer, _orpo),
    "simpo": (MarginTrainer, _simpo),
}
"""Objective -> trainer and the maker of its settings."""


def load_preferences(job: TrainJob, tokenizer: Any) -> LoadedJob:
    """Load a job over better and worse answers."""
    tokenise = tokenise_judged if job.objective == "kto" else tokenise_pair
    train = load_rows(Path(job.train_file), tokenizer, job, tokenise)
    validation = None
    if job.validation_file is not None:
        validation = load_rows(Path(job.validation_file), tokenizer, job, tokenise)
    precision = choose_precision(job.precision)
    set_seed(job.seed)
    model = load_base(job, precision)

    def build(job: TrainJob, checkpoints: Path, progress: Progress, metrics: Path) -> ObservedTrainer:
        kind, configure = METHODS[job.objective]
        arguments = {
            "job": job,
            "progress": progress,
            "metrics": metrics,
            "model": model,
            "args": configure(job, mixed_settings(job, checkpoints, len(train.rows), precision)),
            "train_dataset": as_dataset(train, job),
            "eval_dataset": None if validation is None else as_dataset(validation, job),
            "processing_class": tokenizer,
        }
        return build_adapted(kind, job, arguments)

    counts = Counts(len(train.rows), train.dropped, train.truncated)
    return LoadedJob(counts, precision, f"trl {job.objective}", build)


def as_dataset(loaded: LoadedRows, job: TrainJob) -> Any:
    """Return rows as a dataset in memory."""
    return Dataset.from_list(with_other_answers(loaded.rows, job.seed) if job.objective == "kto" else loaded.rows)


def mixed_settings(job: TrainJob, output_dir: Path, rows: int, precision: str) -> dict[str, Any]:
    """Return settings under which products are computed in the precision, and trained weights are kept in fp32."""
    return {**training_settings(job, output_dir, rows, precision), "bf16": precision == "bf16"}


def build_adapted(kind: Any, job: TrainJob, arguments: dict[str, Any], task: str = "CAUSAL_LM") -> ObservedTrainer:
    """Build a trainer that attaches the adapters itself, so that it knows the base is its reference.

    Raises:
        InputError: the adapter does not fit the model.
    """
    if job.adapter != "none":
        arguments["peft_config"] = adapter_config(job, task)
    try:
        trainer: ObservedTrainer = kind(**arguments)
    except ValueError as error:
        if "target modules" in str(error).lower() or "target_modules" in str(error):
            raise InputError(f"trainer.lora does not fit this model: {error}") from error
        raise
    for parameter in trainer.model.parameters():
        # trl rounds the adapters of a quantised base to bfloat16, which swallows small updates.
        if parameter.requires_grad and parameter.dtype != torch.float32:
            parameter.data = parameter.data.float()
    return trainer
