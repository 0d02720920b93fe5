"""A model's own answers, rewarded by proximal policy optimisation (Schulman et al. 2017)."""

from __future__ import annotations

from dataclasses import dataclass

from secft.config.schemas.training import SampledTrainer
from secft.train.objective import ANSWERS_AND_REFERENCE, Method, Objective, Support, no
from secft.train.views import QUESTIONS, REWARDED


@dataclass
class PpoTrainer(SampledTrainer):
    """Reward a model's own answers by proximal policy optimisation (Schulman et al. 2017)."""

    name: str = "ppo"


SUPPORT = {
    "trl": no("trl 1.16 has no PPO any more"),
    "axolotl": Support(
        "trl.experimental.ppo of its trl 1.9, not Axolotl itself",
        backend="secft.train.backends.axolotl.ppo:PpoBackend",
        script="ppo_run.py",
        one_process=True,
    ),
    "llama_factory": no("stage: ppo needs trl<=0.9.6, all else in it trl>=0.18"),
    "unsloth": no("trl 1.15 has no PPO any more"),
}

OBJECTIVE = Objective(
    name="ppo",
    title="A model's own answers, by proximal policy optimisation",
    rows=QUESTIONS,
    methods=(Method("ppo", PpoTrainer, SUPPORT),),
    loss=REWARDED,
    rows_in_memory=ANSWERS_AND_REFERENCE,
)
