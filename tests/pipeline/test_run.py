"""Whole runs with the tiny model: twice, failing gates, broken input, full disk, sweeps."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

SMALL = (
    "model=tiny",
    "synthesis=template",
    "source.cwe.limit=80",
    "source.attack.limit=80",
    "trainer.max_steps=3",
    "trainer.eval_steps=0",
    "trainer.save_steps=1",
    "eval.max_items={answer_perplexity: 6, technique_to_tactic: 6}",
    "eval.tasks=[answer_perplexity,technique_to_tactic]",
    "eval.samples=0",
    "eval.resamples=200",
    "gates.target_tasks=[technique_to_tactic]",
    "gates.general_tasks=[]",
    "gates.safety_tasks=[]",
)
"""Settings under which a whole run takes seconds; random weights know nothing, so the gates do not pass."""

CWE_START = b"<?xml version='1.0'?><Weakness_Catalog xmlns='http://cwe.mitre.org/cwe-7'>"
CWE = "source=[cwe] source.cwe.path={}"
ATTACK = "source=[attack] source.attack.path={}"
JSONL = "source=[jsonl] source.jsonl.path={} synthesis=none"


def secft(cwd: Path, *arguments: str, timeout: float = 300) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "secft", *arguments]
    return subprocess.run(command, cwd=cwd, capture_output=True, text=True, timeout=timeout, check=False)


def only(directory: Path) -> Path:
    found = [path for path in directory.iterdir() if not path.name.startswith(".") and path.name != "sweeps"]
    assert len(found) == 1
    return found[0]


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, subprocess.CompletedProcess[str]]:
    """A directory in which a small run has ended."""
    cwd = tmp_path_factory.mktemp("run")
    return cwd, secft(cwd, *SMALL)


def test_a_run_that_does_not_pass_ends_with_3_and_keeps_its_reports(
    finished: tuple[Path, subprocess.CompletedProcess[str]],
) -> None:
    cwd, done = finished
    assert done.returncode == 3, done.stderr
    run = only(cwd / "outputs")
    record = json.loads((run / "run.json").read_text())
    assert record["status"] in {"failed", "inconclusive"}
    assert [stage["stage"] for stage in record["stages"]] == [
        "documents", "examples", "dataset", "train", "evaluate", "gates",
    ]  # fmt: skip
    assert (run / "eval" / "technique_to_tactic.jsonl").is_file()
    assert 'href="dataset_report.html"' in (run / "report.html").read_text()
    assert "Source and task" in (run / "dataset_report.html").read_text()
    assert len(list(run.glob("EVIDENCE_Finetuning_1_*.md"))) == 1
    assert record["verdict"] in (run / "MODEL_CARD.md").read_text()
    assert not (cwd / "models").exists()
    assert (cwd / "data" / "template" / "attack-cwe-v1" / "manifest.json").is_file()
    assert [json.loads(line)["step"] for line in (run / "metrics.jsonl").read_text().splitlines() if '"loss"' in line]


def test_the_same_command_does_nothing_twice(finished: tuple[Path, subprocess.CompletedProcess[str]]) -> None:
    cwd, _ = finished
    before = sorted(path for path in cwd.rglob("*") if ".lock" not in path.name)
    again = secft(cwd, *SMALL)
    assert again.returncode == 3
    record = json.loads((only(cwd / "outputs") / "run.json").read_text())
    assert all(stage["reused"] for stage in record["stages"])
    assert sorted(path for path in cwd.rglob("*") if ".lock" not in path.name) == before


def test_the_configuration_that_a_run_leaves_repeats_it(
    finished: tuple[Path, subprocess.CompletedProcess[str]],
) -> None:
    cwd, _ = finished
    run = only(cwd / "outputs")
    before = json.loads((run / "run.json").read_text())["stages"]
    again = secft(cwd, "--config-dir", str(run), "--config-name", "config")
    assert again.returncode == 3, again.stderr
    after = json.loads((only(cwd / "outputs") / "run.json").read_text())["stages"]
    assert [stage["digest"] for stage in after] == [stage["digest"] for stage in before]
    assert all(stage["reused"] for stage in after)


def test_an_unchanged_dataset_is_found_again_and_another_one_is_the_next_version(
    finished: tuple[Path, subprocess.CompletedProcess[str]], tmp_path: Path
) -> None:
    cwd, _ = finished
    version = (cwd / "data" / "template" / "attack-cwe-v1" / "manifest.json").read_bytes()
    done = secft(cwd, *SMALL, "trainer.learning_rate=1e-5", "seed=8")
    assert done.returncode == 3, done.stderr
    assert (cwd / "data" / "template" / "attack-cwe-v2").is_dir()
    assert (cwd / "data" / "template" / "attack-cwe-v1" / "manifest.json").read_bytes() == version


def test_a_plan_leaves_nothing_behind(tmp_path: Path) -> None:
    done = secft(tmp_path, *SMALL, "dry_run=true")
    assert done.returncode == 0, done.stderr
    for said in ("documents", "examples", "train", "would", "[[", "memory: all", "time", "Training on auto: "):
        assert said in done.stdout
    assert list(tmp_path.iterdir()) == []


def test_a_plan_tells_what_the_machine_lacks(tmp_path: Path) -> None:
    done = secft(tmp_path, "model=llama31", "trainer=qlora", "dry_run=true", "source.cwe.limit=50", "source=[cwe]")
    assert done.returncode == 2
    told = " ".join(done.stdout.split())
    for said in ("8,030 M", "memory: weights", "time on a data-centre GPU", "about ", "memory: logits", "models get"):
        assert said in told


def test_a_sweep_shares_its_data_and_survives_a_failing_job(small_data: Callable[[Path], None], tmp_path: Path) -> None:
    small_data(tmp_path)
    done = secft(tmp_path, "-m", *SMALL, "trainer.lora.r=2,4", "trainer.lora.target_modules=[all-linear],[nonsense]")
    assert done.returncode == 2, done.stderr
    sweep = only(tmp_path / "outputs" / "sweeps")
    table = json.loads((sweep / "leaderboard.json").read_text())
    rows = [json.loads(path.read_text()) for path in sorted((sweep / "jobs").glob("*.json"))]
    assert [row["exit_code"] for row in rows] == [3, 2, 3, 2]
    assert table
    shown = (sweep / "leaderboard.md").read_text()
    assert "trainer.lora.r=4" in shown
    assert "trainer.max_steps" not in shown, "what all jobs share is not repeated"
    for stage in ("documents", "examples", "dataset"):
        assert len([p for p in (tmp_path / ".secft" / "stages" / stage).iterdir() if p.name[0] != "."]) == 1


@pytest.mark.parametrize(
    ("name", "content", "override", "said"),
    [
        ("broken.xml", CWE_START + b"<Weak", CWE, "broken.xml"),
        ("empty.xml", b"", CWE, "empty.xml"),
        ("stix.json", b'{"type": "indicator", "id": "x"}', ATTACK, "stix.json"),
        ("empty.json", b"", ATTACK, "empty.json"),
        ("bad.jsonl", b'{"user": "a", "assistant": "b"}\n{"user": \n', JSONL, "bad.jsonl"),
        ("empty.jsonl", b"", JSONL, "empty.jsonl"),
    ],
)
def test_broken_input_ends_with_2(tmp_path: Path, name: str, content: bytes, override: str, said: str) -> None:
    (tmp_path / name).write_bytes(content)
    done = secft(tmp_path, "model=tiny", *override.format(name).split())
    assert done.returncode == 2, done.stderr
    assert said in done.stderr
    assert "Traceback" not in done.stderr
    assert not (tmp_path / "data").exists()
    assert not [path for path in (tmp_path / ".secft" / "stages" / "documents").iterdir() if path.name[0] != "."]


def test_bad_lines_within_the_allowance_are_counted_not_fatal(tmp_path: Path) -> None:
    rows = [{"user": f"What is port {n}?", "assistant": f"Port {n} is number {n}."} for n in range(40)]
    lines = [json.dumps(row) for row in rows]
    (tmp_path / "chats.jsonl").write_text("\n".join([*lines, "{broken"]))
    arguments = ["model=tiny", "source=[jsonl]", "source.jsonl.path=chats.jsonl", "synthesis=none"]
    done = secft(tmp_path, *arguments, "source.jsonl.max_bad_lines=1", "dry_run=true")
    assert done.returncode == 0, done.stderr
    assert "40 documents" in done.stdout


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of 300 KiB; needs the right to mount one."""
    place = tmp_path / "disk"
    place.mkdir()
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=300k", "tmpfs", str(place)], capture_output=True, check=False
    )
    if mounted.returncode != 0:
        pytest.skip("mounting a tmpfs is not allowed here")
    yield place
    subprocess.run(["umount", str(place)], check=True)


@pytest.mark.skipif(sys.platform != "linux" or os.geteuid() != 0, reason="mounting needs root on Linux")
@pytest.mark.parametrize("where", ["cache", "data", "outputs"])
def test_a_full_disk_is_an_error_that_names_the_place(
    tmp_path: Path, small_data: Callable[[Path], None], small_disk: Path, where: str
) -> None:
    small_data(tmp_path)
    (small_disk / "filler").write_bytes(b"x" * (280 if where == "outputs" else 100) * 1024)
    done = secft(tmp_path, *SMALL, f"paths.{where}={small_disk}/{where}")
    assert done.returncode == 2, done.stderr
    assert "no space is left" in done.stderr
    assert str(small_disk) in done.stderr
    assert "Traceback" not in done.stderr
    finished = [path for path in small_disk.rglob("manifest.json") if not any(p[0] == "." for p in path.parts[1:-2])]
    for manifest in finished:
        files = json.loads(manifest.read_text())["files"]
        assert all((manifest.parent / name).is_file() for name in files)


def test_a_place_that_cannot_be_written_is_told_before_any_work(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    done = secft(tmp_path, "model=tiny", "paths.data=file/data", "paths.outputs=file/outputs")
    assert done.returncode == 2
    assert "2 problems" in done.stderr
    assert [path.name for path in tmp_path.iterdir()] == ["file"]


def test_a_missing_model_says_where_it_was_looked_for(tmp_path: Path) -> None:
    done = secft(tmp_path, "model=llama31")
    assert done.returncode == 2
    assert "meta-llama/Llama-3.1-8B-Instruct" in done.stderr
    assert "models get" in done.stderr
    assert list(tmp_path.iterdir()) == []
