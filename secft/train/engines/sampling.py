"""Rewarding a model's own answers relative to each other: grpo, by trl's GRPOTrainer (Shao et al. 2024).

Answers are sampled by the model that is trained, in its own process. Rewards are checked, by
secft.train.foreign.rewards. The validation loss is the negative mean reward of answers to the held-out questions.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from datasets import Dataset
from transformers import set_seed
from trl import GRPOConfig, GRPOTrainer

from secft.errors import InputError
from secft.files import read_jsonl
from secft.train.checkpoints import Progress
from secft.train.engines.loading import Counts, LoadedJob, choose_precision, load_base
from secft.train.engines.observed import ObservedTrainer
from secft.train.engines.preference import build_adapted, mixed_settings
from secft.train.foreign.facts import finite_or_none
from secft.train.foreign.rewards import reward
from secft.train.job import TrainJob


def checked(completions: list[Any], answer: list[str], choices: list[list[str]], **_: Any) -> list[float]:
    """Reward each answer; trl calls this with the columns of the rows, one entry per answer."""
    texts = [completion[-1]["content"] for completion in completions]
    return [reward(*one) for one in zip(texts, answer, choices, strict=True)]


class SampledTrainer(ObservedTrainer, GRPOTrainer):  # type: ignore[misc]
    """Samples several answers to each question and learns from how each compares to the others."""

    def count(self, inputs: Mapping[str, Any]) -> None:
        """Count questions and answers; answers carry the loss."""
        said = int(inputs["completion_mask"].sum())
        self.count_tokens(said + int(inputs["prompt_mask"].sum()), said)

    def log(self, logs: dict[str, float], start_time: float | None = None) -> None:
        """Let rows of metrics.jsonl tell the mean reward."""
        rewards = self._metrics["train"].get("reward") if self.model.training else None
        if rewards:
            self.step_facts = {"reward": round(sum(rewards) / len(rewards), 6)}
        super().log(logs, start_time)

    def validation_loss(self, metrics: Mapping[str, float]) -> float:
        """Return the negative mean reward: the loss of the policy gradient itself says nothing about answers."""
        return 0.0 - float(metrics["eval_reward"])

    def validation_facts(self, metrics: Mapping[str, float]) -> dict[str, float | None]:
        """Tell the mean reward of answers to the held-out questions."""
        return {"eval_reward": finite_or_none(metrics["eval_reward"])}


def load_questions(job: TrainJob, tokenizer: Any) -> LoadedJob:
    """Load a job that answers questions and learns from its answers."""
    train, dropped = _questions(Path(job.train_file), tokenizer, job)
    batch = job.micro_batch * job.gradient_accumulation
    if len(train) < batch:
        # trl leaves out what does not fill a batch, and would train nothing at all.
        raise InputError(
            f"{job.train_file}: {len(train)} questions do not fill one batch of {batch}; lower "
            "trainer.micro_batch_size or trainer.gradient_accumulation"
        )
    validation = None
    if job.validation_file is not None:
        validation, _ = _questions(Path(job.validation_file), tokenizer, job)
    precision = choose_precision(job.precision)
    set_seed(job.seed)
    model = load_base(job, precision)

    def build(job: TrainJob, checkpoints: Path, progress: Progress, metrics: Path) -> ObservedTrainer:
        arguments = {
            "job": job,
            "progress": progress,
            "metrics": metrics,
            "model": model,
            "reward_funcs": checked,
            "args": _settings(job, checkpoints, len(train), precision),
            "train_dataset": Dataset.from_list(train),
            "eval_dataset": None if validation is None else Dataset.from_list(validation),
            "processing_class": tokenizer,
        }
        return build_adapted(SampledTrainer, job, arguments)

    return LoadedJob(Counts(len(train), dropped, 0), precision, "trl grpo", build)


def _questions(path: Path, tokenizer: Any, job: TrainJob) -> tuple[list[dict[str, Any]], int]:
    """Read questions; those that leave no room for an answer are left out and counted."""
    kept, dropped = [], 0
    for number, row in enumerate(read_jsonl(path), start=1):
        if not {"prompt", "answer", "choices"} <= row.keys():
            raise InputError(f"{path}:{number}: not a row of grpo")
        text = tokenizer.apply_chat_template(row["prompt"], tokenize=False, add_generation_prompt=True)
        length = len(tokenizer(text, add_special_tokens=False)["input_ids"])
        if length + job.sampling.max_new_tokens <= job.max_length:
            kept.append({key: row[key] for key in ("prompt", "answer", "choices")})
        else:
            dropped += 1
    if not kept:
        limit = f"{job.max_length} tokens with {job.sampling.max_new_tokens} for the answer"
        raise InputError(f"{path}: no question is left to train on ({dropped} exceed {limit})")
    return kept, dropped


def _settings(job: TrainJob, output_dir: Path, rows: int, precision: str) -> Any:
    """Translate a job; a micro batch holds all answers to ``micro_batch`` questions."""
    settings, sampling = mixed_settings(job, output_dir, rows, precision), job.sampling
    answers = job.micro_batch * sampling.generations
    batches = {"per_device_train_batch_size": answers, "per_device_eval_batch_size": answers}
    return GRPOConfig(
        **{**settings, **batches},
        num_generations=sampling.generations,
        max_completion_length=sampling.max_new_tokens,
        temperature=sampling.temperature,
        beta=sampling.kl,
    )
