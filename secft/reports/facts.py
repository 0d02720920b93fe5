"""Everything that the papers of a run tell, gathered in one record of plain values."""

from __future__ import annotations

import datetime
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from secft.documents.decision import Decision
from secft.documents.results import EvaluationResults
from secft.documents.run_record import StageRecord

_PAIRS = "of better and worse answers; worse ones come from the dataset, or are made of right ones."
_LEARNED_FROM = {
    "dpo": f"Loss on pairs {_PAIRS}",
    "orpo": f"Loss on pairs {_PAIRS}",
    "simpo": f"Loss on pairs {_PAIRS}",
    "kto": f"Loss on single answers, good and bad, taken from pairs {_PAIRS}",
    "reward": f"Loss on the scores of pairs {_PAIRS}",
    "grpo": "Loss on the model's own answers, rewarded by checks against the right ones.",
    "ppo": "Loss on the model's own answers, rewarded by checks against the right ones.",
    "continue": "Loss on every token of plain text.",
}
"""Trainer -> what carried the loss, where that is not the assistant's tokens."""


@dataclass(frozen=True)
class RunFacts:
    """One run, as its artifacts tell it.

    Attributes:
        run_id: name of the run.
        command: the command line that a person would repeat.
        created: when the papers were written; the only time that they show.
        config: the resolved configuration, plain values, without secrets.
        model: BaseModel.as_dict(): name, hub_id, source, license, digest, tokenizer_digest,
            chat_template_digest, parameters.
        dataset: manifest.json of the frozen dataset: name, provider, digest, splits, counts, funnel, sources,
            licenses, language.
        dataset_path: where a reader finds it, for example ``data/template/attack-cwe-v1``.
        train: TrainResult.as_dict(): status, steps, epochs, tokens, seconds, losses, engine and so on, and ``rewards``
            where answers were rewarded: their means in the first and in the last quarter of the steps.
        metrics: rows of metrics.jsonl.
        results: of the evaluation.
        gates: what was decided.
        samples: rows of samples.jsonl.
        adapter: file name -> SHA-256 of what would be registered.
        environment: secft.environment.environment(): python, packages, hardware, git.
        stages: what was done, in order.
    """

    run_id: str
    command: str
    created: datetime.datetime
    config: Mapping[str, Any]
    model: Mapping[str, Any]
    dataset: Mapping[str, Any]
    dataset_path: str
    train: Mapping[str, Any]
    metrics: Sequence[Mapping[str, Any]]
    results: EvaluationResults
    gates: Decision
    samples: Sequence[Mapping[str, Any]] = ()
    adapter: Mapping[str, str] = field(default_factory=dict)
    environment: Mapping[str, Any] = field(default_factory=dict)
    stages: Sequence[StageRecord] = ()

    @property
    def verdict(self) -> str:
        """``pass``, ``fail`` or ``inconclusive``."""
        return self.gates.verdict

    @property
    def base_name(self) -> str:
        """The base model as the world knows it: its id on the Hub, or its name here."""
        return str(self.model.get("hub_id") or self.model.get("name") or "unknown")

    @property
    def dataset_id(self) -> str:
        """Provider and version of the dataset, for example ``template/attack-cwe-v1``."""
        return "/".join(self.dataset_path.rstrip("/").split("/")[-2:])

    @property
    def trainer(self) -> Mapping[str, Any]:
        """The trainer's part of the configuration."""
        settings: Mapping[str, Any] = self.config.get("trainer", {})
        return settings

    @property
    def is_adapter(self) -> bool:
        """Whether the candidate is an adapter beside its base, not a whole model."""
        return self.trainer.get("name") != "full" and self.trainer.get("adapter") != "none"

    @property
    def scores_answers(self) -> bool:
        """Whether the candidate gives a number to an answer instead of writing one."""
        return bool(self.trainer.get("name") == "reward")

    @property
    def training_told(self) -> Mapping[str, float | None]:
        """What training came to, at its beginning, at its end, and at best on held-out rows.

        Returns:
            ``loss`` and ``held_out_loss``; where answers were rewarded, ``first_reward`` and ``reward`` (means of the
            first and of the last quarter of the steps) and ``held_out_reward`` instead. Each may be None.
        """
        rewards, best = self.train.get("rewards"), self.train["best_validation_loss"]
        if not rewards:
            return {"loss": self.train["train_loss"], "held_out_loss": best}
        means = {"first_reward": rewards[0], "reward": rewards[1]}
        return {**means, "held_out_reward": None if best is None else 0.0 - best}

    @property
    def learned_from(self) -> str:
        """What carried the loss, in one sentence."""
        return _LEARNED_FROM.get(str(self.trainer.get("name")), "Loss on assistant tokens only.")
