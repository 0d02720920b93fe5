"""Answers that are good or bad, each alone (Ethayarajh et al. 2024)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from secft.config.schemas.training import PairTrainer
from secft.config.setting import setting
from secft.train.objective import ANSWERS_AND_REFERENCE, Method, Objective, Support
from secft.train.views import FROM_PAIRS, JUDGED

if TYPE_CHECKING:
    from secft.train.backends.trl.loading import LoadedJob
    from secft.train.job import TrainJob


@dataclass
class KtoTrainer(PairTrainer):
    """Learn from answers that are good or bad, each alone (Ethayarajh et al. 2024)."""

    name: str = "kto"
    beta: float = setting(0.1, about="How much the model may leave its reference.", above=0)
    desirable_weight: float = setting(1.0, about="Weight of good answers.", above=0)
    undesirable_weight: float = setting(1.0, about="Weight of bad answers.", above=0)


def load(job: TrainJob, tokenizer: Any) -> LoadedJob:
    """Load a job of trl; imports torch. The reference is as for dpo."""
    from trl import KTOConfig, KTOTrainer

    from secft.train.backends.trl.paired_rows import with_other_answers
    from secft.train.backends.trl.preference import ObservedTrainer, ReadyRows, load_answers

    class JudgedTrainer(ReadyRows, ObservedTrainer, KTOTrainer):  # type: ignore[misc]
        """trl's trainer, observed, on rows that are tokenised already."""

        def count(self, inputs: Mapping[str, Any]) -> None:
            """Count answers with their questions, those that only estimate the divergence too."""
            tokens = int(inputs["attention_mask"].sum()) + int(inputs["KL_attention_mask"].sum())
            self.count_tokens(tokens, int(inputs["completion_mask"].sum()))

    def configure(shared: dict[str, Any]) -> Any:
        return KTOConfig(**shared, max_length=None, **_trl(job))

    return load_answers(
        job, tokenizer, JudgedTrainer, configure, arrange=lambda rows: with_other_answers(rows, job.seed)
    )


def _trl(job: TrainJob) -> dict[str, Any]:
    own = job.settings(KtoTrainer)
    weights = {"desirable_weight": own.desirable_weight, "undesirable_weight": own.undesirable_weight}
    return {"beta": own.beta, **weights}


def _axolotl(job: TrainJob) -> dict[str, Any]:
    own = job.settings(KtoTrainer)
    weights = {"kto_desirable_weight": own.desirable_weight, "kto_undesirable_weight": own.undesirable_weight}
    return {"rl": "kto", "rl_beta": own.beta, **weights, "remove_unused_columns": False}


def _llama_factory(job: TrainJob) -> dict[str, Any]:
    own = job.settings(KtoTrainer)
    weights = {"kto_chosen_weight": own.desirable_weight, "kto_rejected_weight": own.undesirable_weight}
    return {"stage": "kto", "pref_beta": own.beta, **weights}


def _unsloth(job: TrainJob) -> dict[str, Any]:
    return {"max_length": job.trainer.max_length, **_trl(job)}


ANOTHER = 2
"""trl estimates the distance to the reference by pairing each question with the answer of another row."""

SUPPORT = {
    "trl": Support("KTOTrainer", load=load, smallest_micro_batch=ANOTHER),
    "axolotl": Support("rl: kto", settings=_axolotl, smallest_micro_batch=ANOTHER),
    "llama_factory": Support("stage: kto", settings=_llama_factory),
    "unsloth": Support(
        "KTOTrainer",
        gpu_only=True,
        settings=_unsloth,
        trainer=("trl", "KTOTrainer", "KTOConfig"),
        smallest_micro_batch=ANOTHER,
    ),
}

OBJECTIVE = Objective(
    name="kto",
    title="Good and bad answers, each alone",
    rows=JUDGED,
    methods=(Method("kto", KtoTrainer, SUPPORT),),
    loss=f"Loss on single answers, good and bad, taken from pairs {FROM_PAIRS}",
    rows_in_memory=ANSWERS_AND_REFERENCE,
)
