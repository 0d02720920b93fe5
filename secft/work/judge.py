"""Candidate against base on held-out items, then the gates."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from secft.base import find_base_model
from secft.config.run import RunConfig
from secft.evaluate.gates import decide as decide_gates
from secft.files import read_json, write_json
from secft.models import default_cache_dir
from secft.stage import Inputs
from secft.work.data import DATASET

RESULTS = "results.json"
GATES = "gates.json"


def evaluate_candidate(config: RunConfig, inputs: Inputs, out: Path) -> dict[str, Any]:
    """Run base and candidate on the same items; results.json and one JSONL of items per task."""
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


def decide(config: RunConfig, inputs: Inputs, out: Path) -> dict[str, Any]:
    """Judge the results by the gates; gates.json tells every comparison."""
    decision = decide_gates(read_json(inputs["evaluate"].path / RESULTS), config.gates)
    write_json(out / GATES, decision)
    count = sum(gate["verdict"] == "pass" for gate in decision["gates"])
    told = f"{decision['verdict']}: {count} of {len(decision['gates'])} gates passed"
    return {"verdict": decision["verdict"], "headline": told}
