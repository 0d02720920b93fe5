from __future__ import annotations

import json
import re
import shutil
import subprocess
import sys
from dataclasses import asdict
from importlib.resources import files
from pathlib import Path
from typing import Any

import pytest

from secft.documents.results import read_results
from secft.errors import InputError
from secft.evaluate import run as module
from secft.evaluate.gates import GatesConfig, checks_of, decide, held_of
from secft.evaluate.model_pair import ModelFiles
from secft.evaluate.run import evaluate, main
from secft.evaluate.settings import EvalConfig
from secft.files import read_json, read_jsonl, tree_digests


def small(**changes: Any) -> EvalConfig:
    settings = EvalConfig(
        max_items={"general_knowledge": 6, "refusal": 3, "over_refusal": 3, "answer_perplexity": 5},
        resamples=300,
        samples=2,
        max_new_tokens=4,
        sample_tokens=5,
        batch_size=4,
    )
    for name, value in changes.items():
        setattr(settings, name, value)
    return settings


@pytest.fixture(scope="module")
def finished(
    base_dir: Path, adapter_dir: Path, dataset_dir: Path, tmp_path_factory: pytest.TempPathFactory
) -> tuple[Path, Path, dict[str, Any]]:
    out, cache = tmp_path_factory.mktemp("out"), tmp_path_factory.mktemp("answers")
    return out, cache, evaluate(ModelFiles(base_dir, adapter_dir), dataset_dir, small(), 7, out, cache)


def test_results_tell_every_task(finished: tuple[Path, Path, dict[str, Any]]) -> None:
    out, _, summary = finished
    results = read_json(out / "results.json")
    assert set(results["tasks"]) | set(results["skipped"]) == set(EvalConfig().tasks)
    missing = ("choices", "labels", "preference_margin", "tool_calls", "weakness_to_consequence")
    assert results["skipped"] == dict.fromkeys(missing, "the dataset holds out no example of it")
    assert results["tasks"]["general_knowledge"]["items"] == 6
    assert results["tasks"]["general_knowledge"]["chance"] == 0.25
    assert results["tasks"]["general_knowledge"]["role"] == "general"
    assert summary["base_reused"] == []
    assert "technique_to_tactic" in summary["headline"]
    assert len(list(read_jsonl(out / "samples.jsonl"))) == 2


def recipe_of_the_card() -> str:
    """The lines by which the model card says its numbers can be recomputed."""
    card = (files("secft.reports") / "templates" / "card.md.jinja").read_text(encoding="utf-8")
    return next(
        block for block in re.findall(r"```python\n(.*?)```", card, re.DOTALL) if 'pathlib.Path("eval")' in block
    )


def test_every_number_can_be_recomputed_by_the_lines_of_the_card(finished: tuple[Path, Path, dict[str, Any]]) -> None:
    out = finished[0]
    done = subprocess.run(
        [sys.executable, "-c", recipe_of_the_card()], cwd=out, capture_output=True, text=True, check=True
    )
    names = {"perplexity": "perplexity", "macro-F1": "macro_f1", "similarity": "chrf", "share right": ""}
    told = {}
    for line in done.stdout.splitlines():
        task, side, name, value = re.fullmatch(r"(\w+) (\w+) ([\w -]+) ([\d.e-]+)", line).groups()  # type: ignore[union-attr]
        told[task, side, names[name]] = float(value)
    for task, measured in read_json(out / "results.json")["tasks"].items():
        for metric, numbers in measured["metrics"].items():
            for side in ("base", "candidate"):
                key = metric if metric in ("perplexity", "macro_f1", "chrf") else ""
                assert numbers[side]["value"] == pytest.approx(told[task, side, key], abs=1e-12)


def test_known_base_answers_are_not_measured_again(
    finished: tuple[Path, Path, dict[str, Any]], base_dir: Path, adapter_dir: Path, dataset_dir: Path, tmp_path: Path
) -> None:
    out, cache, _ = finished
    summary = evaluate(ModelFiles(base_dir, adapter_dir), dataset_dir, small(), 7, tmp_path, cache)
    assert len(summary["base_reused"]) == 9
    assert tree_digests(tmp_path) == tree_digests(out), "kept answers give the same bytes as measured ones"
    more = evaluate(ModelFiles(base_dir, adapter_dir), dataset_dir, small(max_new_tokens=5), 7, tmp_path, cache)
    assert more["base_reused"] == []


def test_whole_model_as_candidate_and_diverged_weights(
    base_dir: Path, dataset_dir: Path, finished: tuple[Path, Path, dict[str, Any]], tmp_path: Path
) -> None:
    import torch
    from safetensors.torch import load_file, save_file

    broken = tmp_path / "broken"
    shutil.copytree(base_dir, broken)
    weights = load_file(broken / "model.safetensors")
    weights["model.norm.weight"] = torch.full_like(weights["model.norm.weight"], float("nan"))
    save_file(weights, broken / "model.safetensors", metadata={"format": "pt"})
    evaluate(ModelFiles(base_dir, broken), dataset_dir, small(), 7, tmp_path / "out", finished[1])
    results = read_results(tmp_path / "out" / "results.json")
    perplexity = results.tasks["answer_perplexity"].metrics["perplexity"]
    assert perplexity.difference.value is None
    assert "finite" in (perplexity.problem or "")
    assert results.tasks["security_mcq"].metrics["accuracy"].candidate.value == 0
    assert decide(results, checks_of(GatesConfig(), held_of(results))).verdict == "fail"


def test_dataset_without_items_is_an_input_error(base_dir: Path, adapter_dir: Path, tmp_path: Path) -> None:
    (tmp_path / "test.jsonl").write_text("")
    with pytest.raises(InputError, match="held-out item"):
        evaluate(
            ModelFiles(base_dir, adapter_dir),
            tmp_path,
            small(tasks=["security_mcq"]),
            7,
            tmp_path / "o",
            tmp_path / "c",
        )


def test_job_file_calls_evaluate(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    called: dict[str, Any] = {}

    def record(**arguments: Any) -> dict[str, Any]:
        called.update(arguments)
        return {"headline": "fine"}

    monkeypatch.setattr(module, "evaluate", record)
    places = dict.fromkeys(("base_dir", "candidate_dir", "dataset_dir", "out", "cache"), "x")
    job = tmp_path / "job.json"
    job.write_text(json.dumps({**places, "settings": asdict(small()), "seed": 3}))
    assert main([str(job)]) == 0
    assert called["settings"] == small()
    assert called["files"] == ModelFiles(Path("x"), Path("x"))
    assert json.loads(capsys.readouterr().out) == {"headline": "fine"}
    job.write_text(json.dumps({**places, "settings": {"tsks": []}, "seed": 3}))
    assert main([str(job)]) == 2
    assert main([]) == 2
