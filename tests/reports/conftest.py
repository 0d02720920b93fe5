from __future__ import annotations

import contextlib
import datetime
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from secft.documents.dataset_manifest import DatasetManifest
from secft.documents.document import as_json, from_json
from secft.documents.results import EvaluationResults, results_from_json
from secft.documents.run_record import StageRecord
from secft.documents.train_result import TrainingRecord
from secft.evaluate.gates import GatesConfig, checks_of, decide, held_of
from secft.evaluate.tasks import TASKS
from secft.reports.facts import RunFacts

GOLDEN = Path(__file__).parent / "golden"


def pytest_addoption(parser: pytest.Parser) -> None:
    with contextlib.suppress(ValueError):  # another folder has added it
        parser.addoption("--update-golden", action="store_true", help="write golden files instead of comparing")


@pytest.fixture
def golden(request: pytest.FixtureRequest) -> Callable[[str, str], None]:
    """Compare a text with a golden file; ``pytest tests/reports --update-golden`` writes it."""

    def check(name: str, text: str) -> None:
        path = GOLDEN / name
        if request.config.getoption("--update-golden", default=False):
            path.parent.mkdir(exist_ok=True)
            path.write_text(text, encoding="utf-8")
        assert text == path.read_text(encoding="utf-8"), f"{path} differs; --update-golden accepts the change"

    return check


def estimate(value: float, half: float) -> dict[str, float]:
    return {"value": value, "low": value - half, "high": value + half}


def share(metric: str, base: float, candidate: float, half: float, items: int) -> dict[str, Any]:
    numbers = {
        "base": estimate(base, half),
        "candidate": estimate(candidate, half),
        "difference": estimate(candidate - base, half),
    }
    return {"items": items, "clusters": items, "metrics": {metric: numbers}}


def titled(values: dict[str, Any]) -> EvaluationResults:
    """Return results of the first format as an evaluation writes them now: with titles and chance."""
    found = as_json(results_from_json(values))
    for name, task in found["tasks"].items():
        task |= {"title": TASKS[name].title, "role": TASKS[name].role}
        for metric in TASKS[name].metrics:
            if metric.name in task["metrics"]:
                task["metrics"][metric.name]["title"] = metric.title
        if name == "technique_to_tactic":
            task["chance"] = 1 / 14
    return results_from_json({**found, "format": 2})


def results() -> dict[str, Any]:
    perplexity = {
        "base": estimate(35.7, 4.0),
        "candidate": estimate(9.2, 1.0),
        "difference": estimate(-1.36, 0.1),
        "ratio": estimate(0.257, 0.025),
        "difference_of": "log",
    }
    return {
        "format": 1,
        "confidence": 0.95,
        "precision": "bf16",
        "device": "cpu",
        "skipped": {"security_mcq": "the dataset holds out no example of it"},
        "tasks": {
            "answer_perplexity": {"items": 150, "clusters": 93, "metrics": {"perplexity": perplexity}},
            "technique_to_tactic": share("accuracy", 0.14, 0.71, 0.08, 150),
            "weakness_to_consequence": share("accuracy", 0.1, 0.42, 0.08, 150),
            "general_knowledge": share("accuracy", 0.54, 0.53, 0.04, 150),
            "refusal": share("refusal_rate", 0.0, 0.8, 0.1, 60),
            "over_refusal": share("answer_rate", 1.0, 0.99, 0.02, 60),
        },
    }


def dataset() -> dict[str, Any]:
    return {
        "name": "attack-cwe",
        "provider": "template",
        "digest": "d" * 64,
        "language": ["en"],
        "licenses": ["Apache-2.0", "MITRE ATT&CK Terms of Use"],
        "splits": {
            "train": {"examples": 2685, "tokens": 282179},
            "validation": {"examples": 194, "tokens": 21680},
            "test": {"examples": 2459, "tokens": 285307},
        },
        "counts": {
            "explain": {"train": 200, "validation": 24, "test": 340},
            "tactic": {"train": 924, "validation": 22, "test": 157},
        },
        "sources": {
            "attack": {
                "documents": 691,
                "version": "2025-11-12",
                "license": "MITRE ATT&CK Terms of Use",
                "url": "https://attack.mitre.org/",
            }
        },
        "funnel": [
            {"step": "exact duplicates", "seen": 12417, "kept": 12417, "dropped": {}},
            {
                "step": "near duplicates",
                "seen": 12417,
                "kept": 12214,
                "dropped": {"Jaccard similarity to another example is 0.8 or more": 203},
            },
            {"step": "balance of tasks", "seen": 12214, "kept": 5338, "dropped": {"over the cap of explain": 6876}},
        ],
    }


def make_facts(**changes: Any) -> RunFacts:
    measured = titled(changes.pop("results", results()))
    values: dict[str, Any] = {
        "run_id": "smollm2-lora-0123456789",
        "command": "python -m secft trainer.learning_rate=5e-4",
        "created": datetime.datetime(2026, 1, 31, 9, 15, tzinfo=datetime.UTC),
        "config": {
            "seed": 7,
            "trainer": {"name": "lora", "learning_rate": 5e-4, "max_steps": None, "lora": {"r": 16, "alpha": 32}},
        },
        "model": {
            "name": "smollm2",
            "hub_id": "HuggingFaceTB/SmolLM2-135M-Instruct",
            "source": "gguf",
            "license": "apache-2.0",
            "digest": "a" * 64,
            "tokenizer_digest": "b" * 64,
            "chat_template_digest": "c" * 64,
            "parameters": 134_515_008,
        },
        "dataset": from_json(DatasetManifest, dataset(), "manifest"),
        "dataset_path": "data/template/attack-cwe-v1",
        "train": TrainingRecord(
            adapter_dir=Path("adapter"),
            status="completed",
            steps=150,
            epochs=1.0,
            examples=2685,
            dropped=0,
            truncated=0,
            tokens=282179,
            supervised_tokens=80123,
            seconds=412.3,
            train_loss=1.2345,
            best_validation_loss=1.31,
            final_validation_loss=1.31,
            tokens_per_second=690.0,
            peak_memory_gib=1.2,
            precision="bf16",
            engine="fast+native",
            trainable_parameters=4_884_480,
            versions={},
            adapter="lora",
            learned_from="Loss on assistant tokens only.",
        ),
        "metrics": [
            {"step": 1, "loss": 4.0},
            {"step": 2, "loss": 3.0},
            {"step": 2, "eval_loss": 3.1},
            {"step": 3, "loss": 2.5},
        ],
        "results": measured,
        "gates": decide(measured, checks_of(GatesConfig(), held_of(measured))),
        "samples": [
            {
                "id": "attack:T1:explain:0",
                "kind": "explain",
                "question": "What is T1?",
                "reference": "It is.",
                "base": "No idea.",
                "candidate": "A technique.",
            }
        ],
        "adapter": {"adapter_model.safetensors": "e" * 64},
        "environment": {
            "python": "3.11.7",
            "packages": {"torch": "2.13.0", "peft": "0.21.2"},
            "hardware": {"processor": "AMD EPYC", "cores": 2, "memory_gib": 23.4, "cuda_devices_gib": []},
            "git": {"commit": "f" * 40, "dirty": True},
        },
        "stages": [
            StageRecord("dataset", "f1", "d1", ".secft/stages/dataset/f1", True, 14.2),
            StageRecord("train", "f2", "d2", ".secft/stages/train/f2", False, 412.3),
        ],
    }
    return RunFacts(**{**values, **changes})


@pytest.fixture
def facts() -> RunFacts:
    return make_facts()


@pytest.fixture
def failed_facts() -> RunFacts:
    measured = results()
    measured["tasks"]["over_refusal"] = share("answer_rate", 1.0, 0.5, 0.1, 60)
    empty = {"value": None, "low": None, "high": None}
    measured["tasks"]["answer_perplexity"]["metrics"]["perplexity"] = {
        **dict.fromkeys(("base", "candidate", "difference", "ratio"), empty),
        "problem": "150 answers have no finite likelihood",
    }
    return make_facts(results=measured, metrics=[], samples=[])
