"""SIGKILL in the middle of each stage: the next run finishes and ends with the same bytes."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from secft.models.cache import default_cache_dir
from tests.pipeline.test_run import SMALL, only, secft

pytestmark = pytest.mark.slow

SETTINGS = (*(setting for setting in SMALL if not setting.startswith("trainer.max_steps")), "trainer.max_steps=6")
STAGES = ("documents", "examples", "dataset", "train", "evaluate")
"""Gates take a few milliseconds: there is no middle to be killed in."""


def record(cwd: Path) -> dict[str, Any]:
    found: dict[str, Any] = json.loads((only(cwd / "outputs") / "run.json").read_text())
    return found


def digests(cwd: Path) -> dict[str, str]:
    made = {stage["stage"]: stage["digest"] for stage in record(cwd)["stages"]}
    manifest = json.loads((cwd / "data/template/attack-cwe-v1/manifest.json").read_text())
    return {"dataset": manifest["digest"], "train": made["train"], "evaluate": made["evaluate"]}


def last_losses(cwd: Path) -> list[tuple[int, float]]:
    lines = (only(cwd / "outputs") / "metrics.jsonl").read_text().splitlines()
    rows = [json.loads(line) for line in lines]
    return [(row["step"], row["loss"]) for row in rows if "loss" in row]


@pytest.fixture(scope="module")
def undisturbed(small_data: Callable[[Path], None], tmp_path_factory: pytest.TempPathFactory) -> Path:
    cwd = tmp_path_factory.mktemp("undisturbed")
    small_data(cwd)
    assert secft(cwd, *SETTINGS).returncode == 3
    return cwd


def leave_but(stage: str, undisturbed: Path, cwd: Path) -> None:
    """Leave what an earlier run made of all stages but one: later ones count only where that one ends as it was."""
    for place in (undisturbed / ".secft" / "stages").iterdir():
        if place.name != stage:
            shutil.copytree(place, cwd / ".secft" / "stages" / place.name, ignore=shutil.ignore_patterns(".*"))


def is_in_the_middle(cwd: Path, stage: str) -> bool:
    places = list((cwd / ".secft" / "stages" / stage).glob(".*.building"))
    if stage != "train":
        return bool(places)
    return any(len(list(place.glob("checkpoints/checkpoint-*"))) >= 1 for place in places)


def kill_in(cwd: Path, stage: str) -> None:
    """Start a run, kill it with SIGKILL once a stage is being done."""
    process = subprocess.Popen(
        [sys.executable, "-m", "secft", *SETTINGS], cwd=cwd, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    deadline = time.monotonic() + 120
    while process.poll() is None and not is_in_the_middle(cwd, stage):
        assert time.monotonic() < deadline, f"{stage} was never reached"
        time.sleep(0.002)
    assert process.poll() is None, f"the run ended before it could be killed in {stage}"
    os.kill(process.pid, signal.SIGKILL)
    process.wait(10)


@pytest.mark.parametrize("stage", STAGES)
def test_a_killed_run_ends_with_the_same_bytes(undisturbed: Path, tmp_path: Path, stage: str) -> None:
    leave_but(stage, undisturbed, tmp_path)
    kill_in(tmp_path, stage)
    places = tmp_path / ".secft" / "stages" / stage
    assert not [path for path in places.iterdir() if path.name[0] != "."], "nothing half-written stands as finished"
    done = secft(tmp_path, *SETTINGS)
    assert done.returncode == 3, done.stderr
    assert digests(tmp_path) == digests(undisturbed)
    assert last_losses(tmp_path) == last_losses(undisturbed)


def test_a_flipped_bit_in_every_kind_of_kept_file_is_told_and_changes_nothing(
    undisturbed: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    place, cache = tmp_path / "run", tmp_path / "cache"
    shutil.copytree(undisturbed, place)
    # Links, but for what is damaged: the converted base model is large.
    without_locks = shutil.ignore_patterns("*.lock", ".*")
    shutil.copytree(default_cache_dir(), cache, copy_function=os.link, ignore=without_locks)
    monkeypatch.setenv("SECFT_CACHE", str(cache))
    damaged = [
        *place.glob(".secft/stages/train/*/adapter/adapter_model.safetensors"),
        *place.glob(".secft/stages/evaluate/*/results.json"),
        *place.glob(".secft/stages/gates/*/gates.json"),
        *place.glob(".secft/stages/dataset/*/manifest.json"),
        *cache.glob("models/tiny-*-seed0-*/config.json"),
    ]
    assert len(damaged) == 5
    # Other runs keep their answers there as well; which are those of this one, their names do not tell.
    answers = sorted(cache.glob("baselines/technique_to_tactic-*.json"))
    for number, path in enumerate([*damaged, *answers]):
        data, facts = bytearray(path.read_bytes()), path.stat()
        data[len(data) // 3 + number % 7] ^= 1 << number % 8
        path.unlink()
        path.write_bytes(bytes(data))
        os.utime(path, ns=(facts.st_atime_ns, facts.st_mtime_ns))
    done = secft(place, *SETTINGS)
    assert done.returncode == 3, done.stderr
    said = " ".join(done.stderr.split())
    assert [str(path) for path in damaged if f"{path.parent.name} is damaged" not in said and str(path) not in said
            and f"{path.parent.parent.name} is damaged" not in said] == []  # fmt: skip
    assert any(str(path) in said for path in answers)
    assert digests(place) == digests(undisturbed)
    again = secft(place, *SETTINGS)
    assert again.returncode == 3
    assert "damaged" not in again.stderr


def test_an_interrupted_run_says_how_to_continue(tmp_path: Path, undisturbed: Path) -> None:
    leave_but("train", undisturbed, tmp_path)
    process = subprocess.Popen(
        [sys.executable, "-m", "secft", *SETTINGS], cwd=tmp_path, stderr=subprocess.PIPE, text=True
    )
    deadline = time.monotonic() + 120
    while not is_in_the_middle(tmp_path, "train"):
        assert time.monotonic() < deadline
        time.sleep(0.01)
    process.send_signal(signal.SIGINT)
    _, said = process.communicate(timeout=60)
    assert process.returncode == 130, said
    assert "the same command continues it" in said
    assert "Traceback" not in said
    assert record(tmp_path)["status"] == "interrupted"
    assert secft(tmp_path, *SETTINGS).returncode == 3
    assert digests(tmp_path) == digests(undisturbed)


def test_reports_that_are_missing_are_written_again_and_the_others_stay(tmp_path: Path, undisturbed: Path) -> None:
    shutil.copytree(undisturbed, tmp_path / "run")
    run = only(tmp_path / "run" / "outputs")
    (evidence,) = run.glob("EVIDENCE_*.md")
    evidence.write_text(evidence.read_text() + "Reviewed by the supervisor.")
    assert secft(tmp_path / "run", *SETTINGS).returncode == 3
    assert "Reviewed by the supervisor." in evidence.read_text()
    (run / "MODEL_CARD.md").unlink()
    assert secft(tmp_path / "run", *SETTINGS).returncode == 3
    assert "Verdict" in (run / "MODEL_CARD.md").read_text()
    assert "documents reused" in (run / "report.html").read_text()
