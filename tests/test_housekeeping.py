"""What a cache holds, what is in use, and what is removed."""

from __future__ import annotations

import json
import os
import time
from pathlib import Path

import pytest
from filelock import FileLock

from secft.__main__ import main
from secft.config.roots import PathsConfig
from secft.housekeeping import DAY, CacheItem, remove, survey

LONG_AGO = time.time() - 30 * DAY


def artifact(cwd: Path, stage: str, name: str) -> Path:
    place = cwd / ".secft" / "stages" / stage / name
    place.mkdir(parents=True)
    (place / "rows.jsonl").write_text("x" * 1000)
    return place


def age(place: Path) -> None:
    for path in [*place.rglob("*"), place]:
        os.utime(path, (LONG_AGO, LONG_AGO))


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A place with a run, what it uses, what nobody uses, and what killed processes left."""
    cwd = tmp_path / "project"
    cwd.mkdir()
    monkeypatch.chdir(cwd)
    monkeypatch.setenv("SECFT_CACHE", str(tmp_path / "common"))
    artifact(cwd, "train", "used")
    artifact(cwd, "train", "unused")
    artifact(cwd, "train", ".going-on.building")
    age(artifact(cwd, "train", ".given-up.building"))
    artifact(cwd, "dataset", ".used.old")
    artifact(cwd, "dataset", ".busy.building")
    (cwd / ".secft" / "replies").mkdir()
    (cwd / ".secft" / "replies" / "reply.json").write_text("{}")
    left = cwd / "data" / "template" / ".cwe-v2.tmp"
    left.mkdir(parents=True)
    age(left)
    (cwd / "data" / "template" / "cwe-v1").mkdir()
    stage = {"stage": "train", "fingerprint": "used", "digest": "", "artifact": ".secft/stages/train/used",
             "reused": False, "seconds": 1.0}  # fmt: skip
    record = {"run": "first", "command": "c", "status": "passed", "secft": "1", "started": "", "stages": [stage]}
    (cwd / "outputs" / "first").mkdir(parents=True)
    (cwd / "outputs" / "first" / "run.json").write_text(json.dumps(record))
    kept = tmp_path / "common" / "baselines"
    kept.mkdir(parents=True)
    (kept / "new.json").write_text("[]")
    (kept / "old.json").write_text("[]")
    age(kept)
    os.utime(kept / "new.json")
    return cwd


def named(items: list[CacheItem]) -> dict[str, tuple[bool, str]]:
    return {item.path.name: (item.removable, item.reason) for item in items}


def test_every_item_stays_or_goes_for_a_reason(project: Path) -> None:
    with FileLock(project / ".secft" / "stages" / "dataset" / ".busy.lock"):
        found = named(survey(PathsConfig(), days=7))
    assert found == {
        "used": (False, "used by the run first"),
        "unused": (True, "no run in outputs uses it"),
        ".going-on.building": (False, "unfinished; the run that began it goes on from here"),
        ".given-up.building": (True, "unfinished, and nobody went on with it"),
        ".used.old": (True, "left by a process that was killed"),
        ".busy.building": (False, "a process is making it"),
        "replies": (False, "replies of models, paid for"),
        ".cwe-v2.tmp": (True, "left by a process that was killed"),
        "old.json": (True, "answers of a base model, unused"),
    }
    assert sum(item.size for item in survey(PathsConfig(), days=7)) == 6 * 1000 + 2 + 2


def test_what_a_process_holds_is_not_removed(project: Path) -> None:
    (item,) = [item for item in survey(PathsConfig(), days=7) if item.path.name == "unused"]
    lock = project / ".secft" / "stages" / "train" / ".unused.lock"
    with FileLock(lock):
        assert not remove(item)
        assert item.path.is_dir()
    assert remove(item)
    assert not item.path.exists()
    assert not remove(item)


def test_the_command_removes_nothing_unasked_and_then_only_what_can_go(
    project: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    before = sorted(project.rglob("*"))
    assert main(["gc"]) == 0
    said = capsys.readouterr().out
    assert "5 can go" in said
    assert "gc --yes" in said
    assert sorted(project.rglob("*")) == before
    assert main(["gc", "--yes", "--json"]) == 0
    facts = json.loads(capsys.readouterr().out)
    assert {Path(one["path"]).name for one in facts if one["removed"]} == {
        "unused", ".given-up.building", ".used.old", ".cwe-v2.tmp", "old.json"
    }  # fmt: skip
    assert (project / "data" / "template" / "cwe-v1").is_dir()
    assert (project / ".secft" / "stages" / "train" / "used" / "rows.jsonl").is_file()
    assert main(["gc", "--yes"]) == 0
    assert "Removed 0, 0 B" in capsys.readouterr().out
