"""A model that scores answers, from pairs: a base with a head of one number (Bradley and Terry 1952)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from secft.config.schemas.training import PairTrainer
from secft.errors import InputError
from secft.train.objective import ANSWERS_AND_REFERENCE, Method, Objective, Support
from secft.train.views import FROM_PAIRS, PAIRS

if TYPE_CHECKING:
    from secft.train.backends.trl.loading import LoadedJob
    from secft.train.job import TrainJob


@dataclass
class RewardTrainer(PairTrainer):
    """Train a model that scores answers, from pairs (Bradley and Terry)."""

    name: str = "reward"


def load(job: TrainJob, tokenizer: Any) -> LoadedJob:
    """Load a job of trl; imports torch. The head is drawn at random."""
    from trl import RewardConfig
    from trl import RewardTrainer as TrlRewardTrainer

    from secft.train.backends.trl.paired_rows import whole_conversations
    from secft.train.backends.trl.preference import ObservedTrainer, load_answers

    class ScoreTrainer(ObservedTrainer, TrlRewardTrainer):  # type: ignore[misc]
        """Scores both answers of a pair; the loss is -log sigmoid of their difference."""

        def count(self, inputs: Mapping[str, Any]) -> None:
            """Count both conversations; the loss is on one number for each."""
            self.count_tokens(int(inputs["attention_mask"].sum()), int(inputs["attention_mask"].shape[0]))

    def configure(shared: dict[str, Any]) -> Any:
        return RewardConfig(**shared, max_length=None)

    return load_answers(job, tokenizer, ScoreTrainer, configure, whole_conversations)


def _compared(row: dict[str, Any]) -> dict[str, Any]:
    """Return a pair as Axolotl's reward model reads it: one question, two answers.

    Raises:
        InputError: the prompt is more than a question.
    """
    chosen, rejected = PAIRS.conversations(row)
    system = chosen[0]["content"] if chosen[0]["role"] == "system" else ""
    turns = chosen[1:] if system else chosen
    if len(turns) != 2:
        raise InputError(f"row {row.get('id')!r}: axolotl trains reward models on single questions; use backend=trl")
    return {
        "system": system,
        "input": turns[0]["content"],
        "chosen": turns[1]["content"],
        "rejected": rejected[-1]["content"],
    }


def _unadapted(job: TrainJob) -> str:
    if not job.adapter.whole:
        return ""
    return "backend llama_factory trains reward models with an adapter here; use trainer.adapter=lora"


SUPPORT = {
    "trl": Support("RewardTrainer", load=load),
    "axolotl": Support(
        "reward_model: true", settings=lambda job: {"reward_model": True, "num_labels": 1},
        dataset={"type": "bradley_terry.chat_template"}, row=_compared,
    ),
    "llama_factory": Support("stage: rm", settings=lambda job: {"stage": "rm"}, check=_unadapted),
    "unsloth": Support(
        "RewardTrainer, num_labels: 1", gpu_only=True, trainer=("trl", "RewardTrainer", "RewardConfig"),
        settings=lambda job: {"max_length": job.trainer.max_length, "num_labels": 1},
    ),
}  # fmt: skip

_BY_ITSELF = "a model that scores answers is measured by held-out pairs (preference) only"
_NO_TEXT = "a model that scores answers writes none"

OBJECTIVE = Objective(
    name="reward",
    title="A model that scores answers",
    rows=PAIRS,
    methods=(Method("reward", RewardTrainer, SUPPORT),),
    loss=f"Loss on the scores of pairs {FROM_PAIRS}",
    rows_in_memory=ANSWERS_AND_REFERENCE,
    scores=True,
    unread={
        "eval.tasks": _BY_ITSELF,
        "eval.samples": _NO_TEXT,
        "eval.sample_tokens": _NO_TEXT,
        "eval.max_new_tokens": _NO_TEXT,
        "gates": f"{_BY_ITSELF}, and its only gate is that it is right more often than chance",
    },
    read=frozenset({"gates.target_margin"}),
)
