"""Direct preference optimisation over better and worse answers (Rafailov et al. 2023)."""

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
class DpoTrainer(PairTrainer):
    """Prefer the better answer, by direct preference optimisation (Rafailov et al. 2023)."""

    name: str = "dpo"
    beta: float = setting(0.1, about="How much the model may leave its reference.", above=0)
    label_smoothing: float = setting(0.0, about="Part of the pairs that may be the wrong way round.", low=0, high=0.5)


def load(job: TrainJob, tokenizer: Any) -> LoadedJob:
    """Load a job of trl; imports torch.

    The reference is the base with its adapter switched off; without an adapter it is a second copy.
    """
    from trl import DPOConfig, DPOTrainer

    from secft.train.backends.trl.preference import ObservedTrainer, ReadyRows, load_answers

    class DirectTrainer(ReadyRows, ObservedTrainer, DPOTrainer):  # type: ignore[misc]
        """trl's trainer, observed, on rows that are tokenised already."""

    own = job.settings(DpoTrainer)

    def configure(shared: dict[str, Any]) -> Any:
        return DPOConfig(**shared, beta=own.beta, label_smoothing=own.label_smoothing, max_length=None)

    return load_answers(job, tokenizer, DirectTrainer, configure)


def _axolotl(job: TrainJob) -> dict[str, Any]:
    own = job.settings(DpoTrainer)
    return {"rl": "dpo", "rl_beta": own.beta, "dpo_label_smoothing": own.label_smoothing or None}


def _llama_factory(job: TrainJob) -> dict[str, Any]:
    own = job.settings(DpoTrainer)
    shared = {"stage": "dpo", "pref_loss": "sigmoid", "pref_beta": own.beta}
    return {**shared, "dpo_label_smoothing": own.label_smoothing}


def _unsloth(job: TrainJob) -> dict[str, Any]:
    own = job.settings(DpoTrainer)
    return {"max_length": job.trainer.max_length, "beta": own.beta, "label_smoothing": own.label_smoothing}


SUPPORT = {
    "trl": Support("DPOTrainer", load=load),
    "axolotl": Support("rl: dpo", settings=_axolotl),
    "llama_factory": Support("stage: dpo", settings=_llama_factory),
    "unsloth": Support("DPOTrainer", gpu_only=True, settings=_unsloth, trainer=("trl", "DPOTrainer", "DPOConfig")),
}

OBJECTIVE = Objective(
    name="dpo",
    title="Direct preference optimisation",
    rows=PAIRS,
    methods=(Method("dpo", DpoTrainer, SUPPORT),),
    loss=f"Loss on pairs {FROM_PAIRS}",
    rows_in_memory=ANSWERS_AND_REFERENCE,
)
