"""Candidate against base on held-out items, then the gates."""

from __future__ import annotations

import tempfile
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from secft.base import find_base_model, find_start
from secft.config.roots import RunConfig
from secft.config.schemas.model import ModelConfig
from secft.config.schemas.training import TrainerConfig
from secft.documents.decision import GATES, Decision
from secft.documents.document import as_json
from secft.documents.results import RESULTS, EvaluationResults, read_results
from secft.evaluate.gates import KINDS, GateCheck, GatesConfig, checks_of, decide, held_of
from secft.evaluate.settings import EvalConfig
from secft.evaluate.tasks.preference import TASK as PREFERENCE
from secft.files import write_json
from secft.models.adapters import StartAdapter
from secft.models.cache import default_cache_dir
from secft.stage import INTERNAL, Inputs
from secft.stages.dataset import DATASET
from secft.stages.training import training_record
from secft.train.objectives import objective_of
from secft.train.objectives.reward import RewardTrainer
from secft.train.views import write_view


@dataclass(frozen=True)
class EvaluationSettings:
    """What an evaluation depends on.

    Attributes:
        eval: tasks, items, intervals.
        trainer: decides whether the candidate writes answers or scores them.
        seed: of samples and resamples.
        model: the base; its digests belong to the fingerprint.
        start: the adapter that the training began with; the candidate is compared with base and this adapter.
    """

    eval: EvalConfig
    trainer: TrainerConfig
    seed: int
    model: ModelConfig = field(metadata=INTERNAL)
    start: StartAdapter | None = field(default=None, metadata=INTERNAL)

    @classmethod
    def of(cls, config: RunConfig) -> EvaluationSettings:
        """Take them from the configuration of a run."""
        start = find_start(config.model, config.paths)
        return cls(config.eval, config.trainer, config.seed, config.model, start)


def evaluate_candidate(settings: EvaluationSettings, inputs: Inputs, out: Path) -> dict[str, Any]:
    """Run base and candidate on the same items; results.json and one JSONL of items per task."""
    base, seed = find_base_model(settings.model).path, settings.seed
    adapter = inputs["train"].path / training_record(inputs).adapter_dir
    dataset, trainer = inputs["dataset"].path / DATASET, settings.trainer
    if isinstance(trainer, RewardTrainer):
        from secft.evaluate.reward import evaluate_reward  # heavy: imports torch

        with tempfile.TemporaryDirectory(prefix="secft-pairs-") as views:
            pairs = write_view(dataset / "test.jsonl", objective_of(trainer).rows, trainer.pairs, Path(views), seed)
            return evaluate_reward(base, adapter, dataset, pairs, settings.eval, seed, out)
    from secft.evaluate.model_pair import ModelFiles
    from secft.evaluate.run import evaluate  # heavy: imports torch

    start = settings.start.path if settings.start else None
    models = ModelFiles(base, adapter, start)
    return evaluate(models, dataset, settings.eval, seed, out, default_cache_dir() / "baselines")


@dataclass(frozen=True)
class DecisionSettings:
    """What a decision depends on.

    Attributes:
        gates: what the candidate must show.
        trainer: decides which gates there are.
    """

    gates: GatesConfig
    trainer: TrainerConfig

    @classmethod
    def of(cls, config: RunConfig) -> DecisionSettings:
        """Take them from the configuration of a run."""
        return cls(config.gates, config.trainer)

    def checks(self, results: EvaluationResults) -> list[GateCheck]:
        """Return the gates: a model that scores answers has one, to be right more often than chance."""
        if not objective_of(self.trainer).scores:
            return checks_of(self.gates, held_of(results))
        target = next(kind for kind in KINDS if kind.name == "target")
        return [GateCheck(target, PREFERENCE.name, target.margin(self.gates))]


def decide_candidate(settings: DecisionSettings, inputs: Inputs, out: Path) -> dict[str, Any]:
    """Judge the results by the gates; gates.json tells every comparison."""
    results = read_results(inputs["evaluate"].path / RESULTS)
    return write_decision(decide(results, settings.checks(results)), out)


def write_decision(decision: Decision, out: Path, failures: Sequence[str] = ()) -> dict[str, Any]:
    """Write gates.json and return the summary of the stage.

    Args:
        decision: what the gates say.
        out: directory that receives the file.
        failures: what makes the candidate fail whatever was measured.
    """
    if failures:
        decision = replace(decision, verdict="fail", reasons=[*decision.reasons, *failures])
    write_json(out / GATES, as_json(decision))
    passed = sum(gate.verdict == "pass" for gate in decision.gates)
    headline = f"{decision.verdict}: {passed} of {len(decision.gates)} gates passed"
    return {"verdict": decision.verdict, "headline": headline}
