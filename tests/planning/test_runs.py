"""Whole commands: a run that cannot be trained ends with 2 before training, and a plan tells the same."""

from __future__ import annotations

import json
import shutil
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from secft.models.resolve import resolve_model

SMALL = ("model=tiny", "source=[jsonl]", "source.jsonl.path=chats.jsonl", "synthesis=none", "dedup=none")
BROKEN = ("trainer=dpo", "trainer.pairs.corrupt=false", "trainer.gradient_accumulation=100")
"""What only the frozen dataset tells: no pairs, and fewer examples than a global batch."""


def secft(cwd: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    rows = [
        {"user": f"What does port {n} serve?", "assistant": f"Port {n} serves the protocol number {n * 7}."}
        for n in range(60)
    ]
    (cwd / "chats.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    command = [sys.executable, "-m", "secft", *SMALL, *arguments]
    return subprocess.run(command, cwd=cwd, capture_output=True, text=True, timeout=300, check=False)


@pytest.fixture(scope="module")
def stopped(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, subprocess.CompletedProcess[str]]:
    """A directory in which a run was stopped between its dataset and its training."""
    cwd = tmp_path_factory.mktemp("stopped")
    return cwd, secft(cwd, *BROKEN)


def test_a_run_stops_between_dataset_and_training_with_all_that_is_wrong(
    stopped: tuple[Path, subprocess.CompletedProcess[str]],
) -> None:
    cwd, done = stopped
    assert done.returncode == 2, done.stderr
    for said in ("2 problems", "needs worse answers", "one step takes 200 rows"):
        assert said in done.stderr
    assert "Traceback" not in done.stderr
    record = json.loads(next((cwd / "outputs").glob("*/run.json")).read_text())
    assert record["status"] == "error"
    assert [stage["stage"] for stage in record["stages"]] == ["documents", "examples", "dataset"]
    assert not list(cwd.glob(".secft/stages/train/**/job.json"))


def test_the_plan_of_that_run_tells_the_same_and_more(
    stopped: tuple[Path, subprocess.CompletedProcess[str]],
) -> None:
    cwd, _ = stopped
    done = secft(cwd, *BROKEN, "dry_run=true", "trainer.packing=true", "hardware.bf16=false", "trainer.precision=bf16")
    assert done.returncode == 2, done.stderr
    told = " ".join(done.stdout.split())
    for said in (
        "4 thing(s) keep this run from being started", "needs worse answers", "one step takes 200 rows", "cannot pack",
        "does not compute in bf16", "steps", "memory: all", "[[Port", "launch:", "command: python -m secft.train",
    ):  # fmt: skip
        assert said in told, said


def test_a_plan_of_rows_that_cannot_be_read_ends_with_2(tmp_path: Path) -> None:
    (tmp_path / "texts.jsonl").write_text('{"text": "Only a text."}\n')
    done = secft(tmp_path, "source.jsonl.path=texts.jsonl", "dry_run=true")
    assert done.returncode == 2, done.stderr
    assert "stage documents: texts.jsonl: 1 bad line(s)" in " ".join(done.stdout.split())


@pytest.mark.slow
def test_warnings_are_printed_and_kept_in_the_record_of_the_run(tmp_path: Path) -> None:
    small = ("trainer.max_steps=2", "eval.tasks=[general_knowledge]", "eval.samples=0", "eval.resamples=200")
    gates = ("gates.target_tasks=[]", "gates.safety_tasks=[]", "gates.perplexity_must_fall=false")
    done = secft(tmp_path, *small, *gates, "eval.max_items={general_knowledge: 4}")
    assert done.returncode in (0, 3), done.stderr
    assert "trainer.eval_steps = 80: is beyond the last step" in " ".join(done.stderr.split())
    record = json.loads(next((tmp_path / "outputs").glob("*/run.json")).read_text())
    assert any("beyond the last step" in text for text in record["warnings"])


def test_a_plan_knocks_at_the_server_that_a_run_would_ask(tmp_path: Path) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        address = f"http://127.0.0.1:{taken.getsockname()[1]}/v1"
        asked = ("source=[jsonl,cwe]", "source.cwe.limit=30", "synthesis=hybrid", "llm=openai", "llm.model=m")
        done = secft(tmp_path, *asked, f"llm.base_url={address}", "dry_run=true")
    assert done.returncode == 2, done.stderr
    assert f"llm.base_url = '{address}': no server answers there" in " ".join(done.stdout.split())


def test_a_broken_model_is_told_before_the_data_are_made(tmp_path: Path) -> None:
    shutil.copytree(resolve_model("tiny", "random").path, tmp_path / "model")
    config = tmp_path / "model" / "config.json"
    config.write_text(json.dumps({**json.loads(config.read_text()), "auto_map": {"AutoModel": "x.py"}}))
    (tmp_path / "model.gguf").write_bytes(b"GGUF" + bytes(40))
    for path, said in (("model", "never runs code"), ("model.gguf", "model.gguf")):
        done = secft(tmp_path, "model=hub", f"model.path={path}")
        assert done.returncode == 2, done.stderr
        assert said in done.stderr
        assert "Traceback" not in done.stderr
    assert not (tmp_path / ".secft").exists()
