"""A model's own answers, rewarded relative to each other (Shao et al. 2024).

Answers are sampled by the model that is trained, in its own process. Rewards are checked, by
secft/train/runners/rewards.py. The validation loss is the negative mean reward of answers to the held-out questions.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from secft.config.schemas.training import SampledTrainer
from secft.train.objective import ANSWERS_AND_REFERENCE, Method, Objective, Support, no
from secft.train.views import QUESTIONS, REWARDED

if TYPE_CHECKING:
    from secft.train.backends.trl.loading import LoadedJob
    from secft.train.job import TrainJob


@dataclass
class GrpoTrainer(SampledTrainer):
    """Reward a model's own answers relative to each other (Shao et al. 2024)."""

    name: str = "grpo"


def load(job: TrainJob, tokenizer: Any) -> LoadedJob:
    """Load a job of trl; imports torch."""
    from trl import GRPOConfig, GRPOTrainer

    from secft.train.backends.trl.observed import ObservedTrainer
    from secft.train.backends.trl.sampling import load_questions
    from secft.train.runners.facts import finite_or_none

    class AnswerTrainer(ObservedTrainer, GRPOTrainer):  # type: ignore[misc]
        """Samples several answers to each question and learns from how each compares to the others."""

        def count(self, inputs: Mapping[str, Any]) -> None:
            """Count questions and answers; answers carry the loss."""
            answers = int(inputs["completion_mask"].sum())
            self.count_tokens(answers + int(inputs["prompt_mask"].sum()), answers)

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

    def configure(shared: dict[str, Any]) -> Any:
        return GRPOConfig(**{**shared, **_trl(job)})

    return load_questions(job, tokenizer, AnswerTrainer, configure)


def _trl(job: TrainJob) -> dict[str, Any]:
    """Return the settings of trl; a micro batch holds all answers to ``micro_batch_size`` questions."""
    own = job.settings(GrpoTrainer)
    answers = job.trainer.micro_batch_size * own.sampling.generations
    return {
        "per_device_train_batch_size": answers,
        "per_device_eval_batch_size": answers,
        "num_generations": own.sampling.generations,
        "max_completion_length": own.sampling.max_new_tokens,
        "temperature": own.sampling.temperature,
        "beta": own.kl,
    }


SUPPORT = {
    "trl": Support("GRPOTrainer", load=load),
    "axolotl": no("rl: grpo takes rewards as code from the configuration"),
    "llama_factory": no("has no such stage"),
    "unsloth": Support("GRPOTrainer", gpu_only=True, settings=_trl, trainer=("trl", "GRPOTrainer", "GRPOConfig")),
}

OBJECTIVE = Objective(
    name="grpo",
    title="A model's own answers, rewarded relative to each other",
    rows=QUESTIONS,
    methods=(Method("grpo", GrpoTrainer, SUPPORT),),
    loss=REWARDED,
    rows_in_memory=ANSWERS_AND_REFERENCE,
)
