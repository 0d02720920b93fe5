"""Objectives that reward a model's own answers, by the trainers of trl: what their modules share."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

from datasets import Dataset
from transformers import set_seed

from secft.config.schemas.training import SampledTrainer
from secft.errors import InputError
from secft.files import read_jsonl
from secft.models.conversation import render_conversation
from secft.train.backends.exported_rows import plain_question
from secft.train.backends.trl.loading import Counts, LoadedJob, choose_precision, load_base
from secft.train.backends.trl.observed import ObservedTrainer
from secft.train.backends.trl.preference import build_adapted, mixed_settings
from secft.train.checkpoints import CheckpointProgress
from secft.train.job import TrainJob
from secft.train.runners.rewards import reward
from secft.train.views import tools_of_row


def checked(completions: list[Any], answer: list[str], choices: list[list[str]], **_: Any) -> list[float]:
    """Reward each answer; trl calls this with the columns of the rows, one entry per answer."""
    texts = [completion[-1]["content"] for completion in completions]
    return [reward(*one) for one in zip(texts, answer, choices, strict=True)]


def load_questions(job: TrainJob, tokenizer: Any, kind: Any, configure: Callable[[dict[str, Any]], Any]) -> LoadedJob:
    """Load a job that answers questions and learns from its answers.

    Args:
        job: what to train.
        tokenizer: of the base model.
        kind: an ObservedTrainer over a trainer of trl that takes ``reward_funcs``.
        configure: makes the settings of that trainer from those that all trainers share.
    """
    train, dropped = _questions(Path(job.train_file), tokenizer, job)
    batch = job.trainer.micro_batch_size * job.trainer.gradient_accumulation
    if len(train) < batch:
        # trl leaves out what does not fill a batch, and would train nothing at all.
        raise InputError(
            f"{job.train_file}: {len(train)} questions do not fill one batch of {batch}; lower "
            "trainer.micro_batch_size or trainer.gradient_accumulation"
        )
    validation = None
    if job.validation_file is not None:
        validation, _ = _questions(Path(job.validation_file), tokenizer, job)
    precision = choose_precision(job.trainer.precision)
    set_seed(job.seed)
    model = load_base(job, precision)

    def build(job: TrainJob, checkpoints: Path, progress: CheckpointProgress, metrics: Path) -> ObservedTrainer:
        arguments = {
            "job": job,
            "progress": progress,
            "metrics": metrics,
            "model": model,
            "reward_funcs": checked,
            "args": configure(mixed_settings(job, checkpoints, len(train), precision)),
            "train_dataset": Dataset.from_list(train),
            "eval_dataset": None if validation is None else Dataset.from_list(validation),
            "processing_class": tokenizer,
        }
        return build_adapted(kind, job, arguments)

    return LoadedJob(Counts(len(train), dropped, 0), precision, f"trl {job.objective.name}", build)


def _questions(path: Path, tokenizer: Any, job: TrainJob) -> tuple[list[dict[str, Any]], int]:
    """Read questions; those that leave no room for an answer are left out and counted."""
    answer = job.settings(SampledTrainer).sampling.max_new_tokens
    kept, dropped = [], 0
    for number, row in enumerate(read_jsonl(path), start=1):
        if not {"prompt", "answer", "choices"} <= row.keys():
            raise InputError(f"{path}:{number}: not a row of {job.objective.name}")
        text = render_conversation(tokenizer, row["prompt"], tools_of_row(row), generation_prompt=True)
        length = len(tokenizer(text, add_special_tokens=False)["input_ids"])
        if length + answer <= job.trainer.max_length:
            asked = plain_question(tokenizer, row, "trl")
            kept.append({key: asked[key] for key in ("prompt", "answer", "choices")})
        else:
            dropped += 1
    if not kept:
        limit = f"{job.trainer.max_length} tokens with {answer} for the answer"
        raise InputError(f"{path}: no question is left to train on ({dropped} exceed {limit})")
    return kept, dropped
