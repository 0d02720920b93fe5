"""The skip rule, the store and the lock, on stages made of a few lines."""

from __future__ import annotations

import errno
import json
import multiprocessing
import os
import signal
import time
from pathlib import Path
from typing import Any

import pytest

from secft.artifact import ArtifactStore
from secft.config.roots import RunConfig
from secft.config.schemas.dedup import DedupConfig
from secft.errors import StorageError
from secft.files import storage_errors
from secft.stage import Inputs, Stage, StageResult, lasting, run_stage, stage_facts


def write_seed(seed: int, inputs: Inputs, out: Path) -> dict[str, Any]:
    (out / "value.txt").write_text(str(seed % 10))
    (out / "took.log").write_text(str(time.monotonic_ns()))
    return {"count": 1}


def double(settings: DedupConfig, inputs: Inputs, out: Path) -> dict[str, Any]:
    value = int((inputs["first"].path / "value.txt").read_text())
    (out / "value.txt").write_text(str(2 * value))
    return {}


FIRST = Stage("first", 1, (), lambda config: config.seed, write_seed, volatile=("*.log",))
SECOND = Stage("second", 1, ("first",), lambda config: config.dedup, double)


def go(stage: Stage[Any], root: Path, inputs: Inputs | None = None, config: RunConfig | None = None) -> StageResult:
    return run_stage(stage, config or RunConfig(), inputs or {}, ArtifactStore(root))


def test_a_stage_is_not_done_twice(tmp_path: Path) -> None:
    first = go(FIRST, tmp_path)
    again = go(FIRST, tmp_path)
    assert not first.reused
    assert again.reused
    assert again.artifact == first.artifact
    assert again.artifact.summary["count"] == 1


def test_version_settings_seed_and_external_digests_make_another_fingerprint() -> None:
    known = stage_facts(FIRST, 7, {}, 7)["fingerprint"]
    others = [
        stage_facts(Stage("first", 2, (), FIRST.settings, write_seed), 7, {}, 7),
        stage_facts(FIRST, 8, {}, 7),
        stage_facts(FIRST, 7, {}, 8),
        stage_facts(Stage("first", 1, (), FIRST.settings, write_seed, lambda settings: {"file": "abc"}), 7, {}, 7),
    ]
    assert known not in {facts["fingerprint"] for facts in others}


def test_equal_inputs_are_reused_however_they_were_made(tmp_path: Path) -> None:
    first = go(FIRST, tmp_path, config=RunConfig(seed=1))
    other = go(FIRST, tmp_path, config=RunConfig(seed=11))  # the same value comes out
    assert first.artifact.digest == other.artifact.digest, "logs do not belong to the digest"
    made = go(SECOND, tmp_path, {"first": first.artifact})
    assert go(SECOND, tmp_path, {"first": other.artifact}).artifact == made.artifact


def test_settings_that_change_no_result_do_not_count() -> None:
    kept = lasting(RunConfig())
    assert "dry_run" not in kept
    assert kept["paths"] == {}
    assert kept["seed"] == RunConfig().seed


@pytest.mark.parametrize("damage", ["remove", "shorten", "manifest"])
def test_a_damaged_artifact_is_made_again(tmp_path: Path, damage: str) -> None:
    place = go(FIRST, tmp_path).artifact.path
    if damage == "remove":
        (place / "value.txt").unlink()
    elif damage == "shorten":
        (place / "value.txt").write_text("")
    else:
        (place / "manifest.json").write_text("{")
    assert not go(FIRST, tmp_path).reused
    assert go(FIRST, tmp_path).reused


def test_a_failed_stage_leaves_nothing_where_artifacts_stand(tmp_path: Path) -> None:
    def fail(settings: Any, inputs: Inputs, out: Path) -> dict[str, Any]:
        (out / "half.txt").write_text("half")
        raise ValueError("broken")

    stage = Stage("first", 1, (), FIRST.settings, fail)
    with pytest.raises(ValueError, match="broken"):
        go(stage, tmp_path)
    assert [path.name for path in (tmp_path / "first").iterdir() if not path.name.startswith(".")] == []
    result = go(FIRST, tmp_path)
    assert not (result.artifact.path / "half.txt").exists()


def test_an_interrupted_resumable_stage_goes_on_from_what_it_left(tmp_path: Path) -> None:
    def count(settings: Any, inputs: Inputs, out: Path) -> dict[str, Any]:
        tries = len(list(out.glob("try-*"))) + 1
        (out / f"try-{tries}").touch()
        if tries < 3:
            raise ValueError("killed")
        return {"tries": tries}

    stage = Stage("count", 1, (), FIRST.settings, count, resumable=True)
    for _ in range(2):
        with pytest.raises(ValueError, match="killed"):
            go(stage, tmp_path)
    assert go(stage, tmp_path).artifact.summary["tries"] == 3


def slow(settings: Any, inputs: Inputs, out: Path) -> dict[str, Any]:
    with (out.parent.parent / "builds.txt").open("a") as stream:
        stream.write(f"{os.getpid()}\n")
    time.sleep(0.5)
    (out / "value.txt").write_text("1")
    return {}


def build_slow(root: str) -> None:
    go(Stage("slow", 1, (), lambda config: {}, slow), Path(root))


def test_two_processes_build_an_artifact_once(tmp_path: Path) -> None:
    context = multiprocessing.get_context("fork")
    workers = [context.Process(target=build_slow, args=(str(tmp_path),)) for _ in range(2)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join(20)
    assert [worker.exitcode for worker in workers] == [0, 0]
    assert len((tmp_path / "builds.txt").read_text().splitlines()) == 1


def test_a_killed_build_is_done_again(tmp_path: Path) -> None:
    worker = multiprocessing.get_context("fork").Process(target=build_slow, args=(str(tmp_path),))
    worker.start()
    deadline = time.monotonic() + 10
    while not (tmp_path / "builds.txt").exists() and time.monotonic() < deadline:
        time.sleep(0.01)
    os.kill(worker.pid or 0, signal.SIGKILL)
    worker.join(10)
    assert not go(Stage("slow", 1, (), lambda config: {}, slow), tmp_path).reused
    assert len((tmp_path / "builds.txt").read_text().splitlines()) == 2


@pytest.mark.parametrize("code", [errno.ENOSPC, errno.EACCES, errno.EROFS])
def test_storage_errors_name_the_place(tmp_path: Path, code: int) -> None:
    with pytest.raises(StorageError, match="cannot be written") as caught, storage_errors(tmp_path):
        raise OSError(code, "no")
    assert str(tmp_path) in str(caught.value)
    assert caught.value.exit_code == 2


def test_other_system_errors_pass_unchanged(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError), storage_errors(tmp_path):
        (tmp_path / "missing").read_text()


def test_manifest_tells_what_made_it(tmp_path: Path) -> None:
    first = go(FIRST, tmp_path)
    made = go(SECOND, tmp_path, {"first": first.artifact})
    manifest = json.loads((made.artifact.path / "manifest.json").read_text())
    assert manifest["inputs"] == {"first": first.artifact.digest}
    assert manifest["settings"]["threshold"] == RunConfig().dedup.threshold
    assert set(manifest["files"]) == {"value.txt"}


def test_a_stage_is_given_its_settings_and_nothing_else(tmp_path: Path) -> None:
    given: list[Any] = []

    def look(settings: Any, inputs: Inputs, out: Path) -> dict[str, Any]:
        given.append(settings)
        return {}

    go(Stage("look", 1, (), lambda config: config.dedup, look), tmp_path)
    assert given == [RunConfig().dedup]


def test_what_is_found_before_the_work_stops_it_or_belongs_to_the_result(tmp_path: Path) -> None:
    store = ArtifactStore(tmp_path)

    def refuse() -> list[str]:
        raise StorageError("no")

    with pytest.raises(StorageError):
        run_stage(FIRST, RunConfig(), {}, store, before=refuse)
    assert list((tmp_path / "first").glob("[!.]*")) == []
    made = run_stage(FIRST, RunConfig(), {}, store, before=lambda: ["careful"])
    assert made.artifact.summary["warnings"] == ["careful"]
    assert run_stage(FIRST, RunConfig(), {}, store, before=refuse).reused, "what exists is not checked again"
