"""Candidate against base on held-out items, then the gates."""

from __future__ import annotations

import tempfile
from dataclasses import replace
from pathlib import Path
from typing import Any

from secft.base import find_base_model
from secft.config.judging import PREFERENCE, GatesConfig
from secft.config.run import RunConfig
from secft.evaluate.gates import decide as decide_gates
from secft.files import read_json, write_json
from secft.models import default_cache_dir
from secft.stage import Inputs
from secft.train.objectives import objective_of
from secft.train.objectives.reward import RewardTrainer
from secft.train.views import write_view
from secft.work.data import DATASET

RESULTS = "results.json"
GATES = "gates.json"


def evaluate_candidate(config: RunConfig, inputs: Inputs, out: Path) -> dict[str, Any]:
    """Run base and candidate on the same items; results.json and one JSONL of items per task."""
    if isinstance(config.trainer, RewardTrainer):
        return _evaluate_scores(config, config.trainer, inputs, out)
    from secft.evaluate.run import evaluate  # heavy: imports torch

    adapter = inputs["train"].path / inputs["train"].summary["adapter_dir"]
    summary = evaluate(
        find_base_model(config.model).path,
        adapter,
        inputs["dataset"].path / DATASET,
        config.eval,
        config.seed,
        out,
        default_cache_dir() / "baselines",
    )
    results = read_json(out / RESULTS)
    return {**summary, "results": results}


def _evaluate_scores(config: RunConfig, trainer: RewardTrainer, inputs: Inputs, out: Path) -> dict[str, Any]:
    """Measure a model that scores answers by held-out pairs."""
    from secft.evaluate.reward import evaluate_reward  # heavy: imports torch

    dataset = inputs["dataset"].path / DATASET
    adapter = inputs["train"].path / inputs["train"].summary["adapter_dir"]
    with tempfile.TemporaryDirectory(prefix="secft-pairs-") as views:
        pairs = write_view(dataset / "test.jsonl", objective_of(trainer).rows, trainer.pairs, Path(views), config.seed)
        base = find_base_model(config.model).path
        summary = evaluate_reward(base, adapter, dataset, pairs, config.eval, config.seed, out)
    return {**summary, "results": read_json(out / RESULTS)}


def gates_for(config: RunConfig) -> GatesConfig:
    """Return the gates of a run: a model that scores answers has one, to be right more often than chance."""
    if not isinstance(config.trainer, RewardTrainer):
        return config.gates
    return replace(
        config.gates, target_tasks=[PREFERENCE], perplexity_must_fall=False, general_tasks=[], safety_tasks=[]
    )


def decide(config: RunConfig, inputs: Inputs, out: Path) -> dict[str, Any]:
    """Judge the results by the gates; gates.json tells every comparison."""
    decision = decide_gates(read_json(inputs["evaluate"].path / RESULTS), gates_for(config))
    write_json(out / GATES, decision)
    count = sum(gate["verdict"] == "pass" for gate in decision["gates"])
    told = f"{decision['verdict']}: {count} of {len(decision['gates'])} gates passed"
    return {"verdict": decision["verdict"], "headline": told}
