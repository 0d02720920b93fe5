"""Going on with pretraining: plain text, every token of which is learned."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from secft.config.schemas.training import ObjectiveTrainer
from secft.config.setting import setting
from secft.train.objective import Method, Objective, Support
from secft.train.views import TEXTS

if TYPE_CHECKING:
    from secft.train.backends.trl.loading import LoadedJob
    from secft.train.job import TrainJob


@dataclass
class ContinueTrainer(ObjectiveTrainer):
    """Go on with pretraining on plain text: what the training split says, without roles and chat template."""

    name: str = "continue"
    learning_rate: float = setting(1e-4, about="Peak learning rate.", above=0)
    packing: bool = setting(True, about="Several texts in a row, each seeing only itself.")


def load(job: TrainJob, tokenizer: Any) -> LoadedJob:
    """Load a job of trl, through the same forward pass as imitation; imports torch."""
    from secft.train.backends.trl.loading import load_examples_job
    from secft.train.rows import tokenise_texts

    return load_examples_job(job, tokenizer, tokenise_texts)


SUPPORT = {
    "trl": Support("SFTTrainer on plain text", load=load),
    "axolotl": Support("type: completion", dataset={"type": "completion", "field": "text"}),
    "llama_factory": Support("stage: sft, every token learned", settings=lambda job: {"stage": "sft"}),
    "unsloth": Support("SFTTrainer on plain text", settings=lambda job: {"max_length": job.trainer.max_length}),
}

OBJECTIVE = Objective(
    name="continue",
    title="Continued pretraining on plain text",
    rows=TEXTS,
    methods=(Method("continue", ContinueTrainer, SUPPORT),),
    loss="Loss on every token of plain text.",
)
