"""A model that scores answers is measured by held-out pairs, against chance."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from secft.documents.results import EvaluationResults
from secft.errors import InputError
from secft.evaluate.gates import GateCheck, decide
from secft.evaluate.gates.target import TargetGate
from secft.evaluate.metrics import Bootstrap, compare_with_chance
from secft.evaluate.reward import evaluate_reward, sample_pairs
from secft.evaluate.settings import EvalConfig
from secft.evaluate.tasks.preference import TASK
from secft.models.base_model import BaseModel
from secft.models.resolve import resolve_model

pytestmark = pytest.mark.filterwarnings("ignore::FutureWarning", "ignore::UserWarning")
GATES = [GateCheck(TargetGate(), "preference", 0.0)]


@pytest.fixture(scope="module")
def tiny() -> BaseModel:
    return resolve_model("tiny", "random")


def answers(right: int, wrong: int) -> list[dict[str, Any]]:
    flags = [1.0] * right + [0.0] * wrong
    return [{"family": f"f{n // 2}", "candidate": {"correct": flag}} for n, flag in enumerate(flags)]


@pytest.mark.parametrize(
    ("right", "wrong", "verdict"), [(60, 20, "pass"), (43, 40, "inconclusive"), (20, 60, "fail"), (30, 0, "pass")]
)
def test_the_gate_asks_whether_it_is_better_than_chance(right: int, wrong: int, verdict: str) -> None:
    compared = TASK.compare(answers(right, wrong), Bootstrap(resamples=2000))
    assert compared.metrics["accuracy"].base.numbers == (0.5, 0.5, 0.5)
    assert compared.chance == 0.5
    decision = decide(EvaluationResults({"preference": compared}), GATES)
    assert decision.verdict == verdict
    assert [gate.task for gate in decision.gates] == ["preference"]


def test_the_interval_is_that_of_the_share_less_chance() -> None:
    found = compare_with_chance(answers(50, 30), 0.5, Bootstrap(resamples=2000))
    value, low, high = found.candidate.numbers or (0.0, 0.0, 0.0)
    assert found.difference.numbers == pytest.approx((value - 0.5, low - 0.5, high - 0.5))
    assert low < 0.625 < high


def dataset(directory: Path, pairs: int) -> tuple[Path, Path]:
    directory.mkdir()
    with (directory / "test.jsonl").open("w") as rows, (directory / "pairs.jsonl").open("w") as made:
        for n in range(pairs):
            prompt = [{"role": "user", "content": f"Explain weakness {n}."}]
            row = {"id": f"cwe:{n}", "task": "explain", "entity": f"CWE-{n}", "family": f"F{n // 2}"}
            rows.write(json.dumps(row) + "\n")
            chosen, rejected = f"It overflows buffer {n}.", f"No idea about {n}, sorry."
            pair = {
                "id": f"cwe:{n}",
                "prompt": prompt,
                "chosen": [{"role": "assistant", "content": chosen}],
                "rejected": [{"role": "assistant", "content": rejected}],
            }
            made.write(json.dumps(pair) + "\n")
    return directory, directory / "pairs.jsonl"


def whole_scorer(tiny: BaseModel, directory: Path) -> Path:
    """Save the tiny model with a random head."""
    import torch
    from transformers import AutoModelForSequenceClassification

    torch.manual_seed(0)
    model = AutoModelForSequenceClassification.from_pretrained(tiny.path, num_labels=1)
    model.save_pretrained(directory)
    return directory


def test_scores_do_not_depend_on_the_batch(tiny: BaseModel, tmp_path: Path) -> None:
    place, pairs = dataset(tmp_path / "data", 12)
    candidate = whole_scorer(tiny, tmp_path / "model")
    found = []
    for size in (1, 7):
        out = tmp_path / f"out{size}"
        settings = EvalConfig(batch_size=size, resamples=500, max_items={"preference": 9})
        summary = evaluate_reward(tiny.path, candidate, place, pairs, settings, 0, out)
        rows = [json.loads(line) for line in (out / "eval" / "preference.jsonl").read_text().splitlines()]
        found.append([row["candidate"]["scores"] for row in rows])
        results = json.loads((out / "results.json").read_text())
        assert results["tasks"]["preference"]["items"] == len(rows) == 9
        share = sum(row["candidate"]["correct"] for row in rows) / 9
        assert results["tasks"]["preference"]["metrics"]["accuracy"]["candidate"]["value"] == pytest.approx(share)
        assert "held-out pairs" in summary["headline"]
    flat = [[score for both in rows for score in both] for rows in found]
    assert flat[0] == pytest.approx(flat[1], abs=2e-2)


def test_an_adapter_that_was_not_trained_to_score_is_refused(tiny: BaseModel, tmp_path: Path) -> None:
    from peft import LoraConfig, get_peft_model
    from transformers import AutoModelForCausalLM

    place, pairs = dataset(tmp_path / "data", 4)
    model = get_peft_model(AutoModelForCausalLM.from_pretrained(tiny.path), LoraConfig(r=2, task_type="CAUSAL_LM"))
    model.save_pretrained(tmp_path / "adapter")
    with pytest.raises(InputError, match="no head that scores answers"):
        evaluate_reward(tiny.path, tmp_path / "adapter", place, pairs, EvalConfig(resamples=500), 0, tmp_path / "out")


def test_the_sample_is_the_same_whatever_the_order(tmp_path: Path) -> None:
    place, pairs = dataset(tmp_path / "data", 20)
    lines = pairs.read_text().splitlines()
    turned = tmp_path / "turned.jsonl"
    turned.write_text("\n".join(reversed(lines)) + "\n")
    assert sample_pairs(pairs, place, 5, 3) == sample_pairs(turned, place, 5, 3)
    assert sample_pairs(pairs, place, 5, 3) != sample_pairs(pairs, place, 5, 4)
