"""Preference by mean log-probabilities with a margin, without a reference model (Meng et al. 2024)."""

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
class SimpoTrainer(PairTrainer):
    """Prefer the better answer by its mean log-probability, without a reference model (Meng et al. 2024)."""

    name: str = "simpo"
    beta: float = setting(2.0, about="Scale of the reward.", above=0)
    gamma: float = setting(1.0, about="Margin of the reward.", low=0)


IMITATION = 0.0
"""Weight of the imitation term of CPO, of which SimPO is a case; with trl's default of 1 it would be CPO-SimPO."""


def load(job: TrainJob, tokenizer: Any) -> LoadedJob:
    """Load a job of trl; imports torch."""
    from trl.experimental.cpo import CPOConfig, CPOTrainer

    from secft.train.backends.trl.preference import ObservedTrainer, RowsOfPairs, load_answers

    class MarginTrainer(RowsOfPairs, ObservedTrainer, CPOTrainer):  # type: ignore[misc]
        """trl's trainer, observed, on rows that are tokenised already."""

    def configure(shared: dict[str, Any]) -> Any:
        return CPOConfig(**shared, **_trl(job))

    return load_answers(job, tokenizer, MarginTrainer, configure)


def _trl(job: TrainJob) -> dict[str, Any]:
    own = job.settings(SimpoTrainer)
    margin = {"beta": own.beta, "simpo_gamma": own.gamma, "cpo_alpha": IMITATION}
    return {"max_length": job.trainer.max_length, "loss_type": "simpo", **margin}


def _axolotl(job: TrainJob) -> dict[str, Any]:
    own = job.settings(SimpoTrainer)
    return {"rl": "simpo", "rl_beta": own.beta, "simpo_gamma": own.gamma, "cpo_alpha": IMITATION}


def _llama_factory(job: TrainJob) -> dict[str, Any]:
    own = job.settings(SimpoTrainer)
    return {"stage": "dpo", "pref_loss": "simpo", "pref_beta": own.beta, "simpo_gamma": own.gamma}


SUPPORT = {
    "trl": Support("trl.experimental.cpo, loss_type: simpo", load=load),
    "axolotl": Support("rl: simpo", settings=_axolotl),
    "llama_factory": Support("stage: dpo, pref_loss: simpo", settings=_llama_factory),
    "unsloth": Support(
        "trl.experimental.cpo, loss_type: simpo", gpu_only=True, settings=_trl,
        trainer=("trl.experimental.cpo", "CPOTrainer", "CPOConfig"),
    ),
}  # fmt: skip

OBJECTIVE = Objective(
    name="simpo",
    title="Simple preference optimisation",
    rows=PAIRS,
    methods=(Method("simpo", SimpoTrainer, SUPPORT),),
    loss=f"Loss on pairs {FROM_PAIRS}",
    rows_in_memory=ANSWERS_AND_REFERENCE,
)
