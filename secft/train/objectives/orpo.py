"""Imitation and preference at once, without a reference model (Hong et al. 2024)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from secft.config.schemas.training import PairTrainer
from secft.config.setting import setting
from secft.train.objective import ANSWERS_AND_REFERENCE, Method, Objective, Support
from secft.train.views import FROM_PAIRS, PAIRS

if TYPE_CHECKING:
    from secft.train.backends.trl.loading import LoadedJob
    from secft.train.job import TrainJob


@dataclass
class OrpoTrainer(PairTrainer):
    """Imitate the better answer and prefer it, without a reference model (Hong et al. 2024)."""

    name: str = "orpo"
    beta: float = setting(0.1, about="Weight of the preference (lambda).", above=0)


def load(job: TrainJob, tokenizer: Any) -> LoadedJob:
    """Load a job of trl, whose imitation is of question and answer; imports torch."""
    from trl.experimental.orpo import ORPOConfig, ORPOTrainer

    from secft.train.backends.trl.preference import ObservedTrainer, RowsOfPairs, load_answers

    class OddsTrainer(RowsOfPairs, ObservedTrainer, ORPOTrainer):  # type: ignore[misc]
        """trl's trainer, observed, on rows that are tokenised already."""

    def configure(shared: dict[str, Any]) -> Any:
        return ORPOConfig(**shared, beta=job.settings(OrpoTrainer).beta, max_length=job.trainer.max_length)

    return load_answers(job, tokenizer, OddsTrainer, configure)


def _axolotl(job: TrainJob) -> dict[str, Any]:
    return {"rl": "orpo", "orpo_alpha": job.settings(OrpoTrainer).beta}


def _llama_factory(job: TrainJob) -> dict[str, Any]:
    return {"stage": "dpo", "pref_loss": "orpo", "pref_beta": job.settings(OrpoTrainer).beta}


def _unsloth(job: TrainJob) -> dict[str, Any]:
    return {"max_length": job.trainer.max_length, "beta": job.settings(OrpoTrainer).beta}


SUPPORT = {
    "trl": Support("trl.experimental.orpo", load=load),
    "axolotl": Support("rl: orpo", settings=_axolotl),
    "llama_factory": Support("stage: dpo, pref_loss: orpo", settings=_llama_factory),
    "unsloth": Support(
        "trl.experimental.orpo", gpu_only=True, settings=_unsloth,
        trainer=("trl.experimental.orpo", "ORPOTrainer", "ORPOConfig"),
    ),
}  # fmt: skip

OBJECTIVE = Objective(
    name="orpo",
    title="Odds ratio preference optimisation",
    rows=PAIRS,
    methods=(Method("orpo", OrpoTrainer, SUPPORT),),
    loss=f"Loss on pairs {FROM_PAIRS}",
    rows_in_memory=ANSWERS_AND_REFERENCE,
)
