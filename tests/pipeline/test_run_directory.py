"""Reports are written once for what they tell."""

from __future__ import annotations

import threading
from dataclasses import replace
from pathlib import Path

import pytest

from secft.config.compose import read_config
from secft.config.roots import EvidenceConfig, RunConfig
from secft.errors import LockedError
from secft.pipelines import pipeline_of
from secft.planning.machine import run_name_problems
from secft.planning.situation import Situation
from secft.run_directory import RunDirectory, experiment_of


def opened(outputs: Path) -> RunDirectory:
    directory = RunDirectory(outputs, "run")
    directory.open({"seed": 1}, "python -m secft")
    return directory


def test_reports_that_tell_the_same_stay_as_they_are_and_others_replace_them(tmp_path: Path) -> None:
    first = opened(tmp_path)
    assert first.write_reports("one", lambda: {"CARD.md": "a", "EVIDENCE_1_20260131-0915.md": "b"})
    first.close()
    (first.path / "CARD.md").write_text("a, read and approved")
    again = opened(tmp_path)
    assert not again.write_reports("one", lambda: {"CARD.md": "never", "EVIDENCE_1_20260131-0916.md": "never"})
    assert (again.path / "CARD.md").read_text() == "a, read and approved"
    (again.path / "CARD.md").unlink()
    assert again.write_reports("one", lambda: {"CARD.md": "a", "EVIDENCE_1_20260131-0915.md": "b"}), (
        "a missing one is written again"
    )
    assert again.write_reports("two", lambda: {"CARD.md": "c", "EVIDENCE_1_20260131-0917.md": "d"})
    again.close()
    assert sorted(path.name for path in again.path.glob("*.md")) == ["CARD.md", "EVIDENCE_1_20260131-0917.md"]


@pytest.mark.parametrize(
    ("later", "comment", "stays"),
    [
        ("EVIDENCE_1_20260131-0917.md", "", False),
        ("EVIDENCE_1_20260131-0917.md", "supervisor: ok", True),
        ("EVIDENCE_2_20260131-0917.md", "supervisor: ok", True),
        ("EVIDENCE_2_20260131-0917.md", "", True),
    ],
)
def test_reports_that_a_reader_changed_and_those_of_other_iterations_stay(
    tmp_path: Path, later: str, comment: str, stays: bool
) -> None:
    directory = opened(tmp_path)
    directory.write_reports("one", lambda: {"CARD.md": "a", "EVIDENCE_1_20260131-0915.md": "b"})
    directory.close()
    before = directory.path / "EVIDENCE_1_20260131-0915.md"
    before.write_text(before.read_text() + comment)
    again = opened(tmp_path)
    assert again.write_reports("two", lambda: {"CARD.md": "a", later: "c"})
    again.close()
    assert before.is_file() == stays
    assert not stays or before.read_text() == f"b{comment}"
    assert (again.path / later).read_text() == "c"


def test_two_processes_do_not_write_one_run(tmp_path: Path) -> None:
    first = opened(tmp_path)
    with pytest.raises(LockedError, match="the same run is going on"):
        opened(tmp_path)
    first.close()
    opened(tmp_path).close()


def test_what_a_reader_wrote_into_a_report_survives_every_rerun(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for number, text in enumerate(("a", "b", "c", "c")):
        directory = opened(tmp_path)
        directory.write_reports(str(number), lambda text=text: {"CARD.md": text})  # type: ignore[misc]
        directory.close()
        card = directory.path / "CARD.md"
        assert card.read_text() == text
        if number < 2:
            card.write_text(f"{text}, with a note of round {number}")
    kept = {path.name: path.read_text() for path in directory.path.glob("CARD*.md")}
    assert kept == {
        "CARD.md": "c",
        "CARD.edited.md": "a, with a note of round 0",
        "CARD.edited-2.md": "b, with a note of round 1",
    }
    assert "it is kept as CARD.edited-2.md" in " ".join(capsys.readouterr().err.split())


def test_a_record_tells_the_settings_that_decide_about_results() -> None:
    config = RunConfig()
    same = [
        replace(config, name="x"),
        replace(config, dry_run=True),
        replace(config, evidence=EvidenceConfig(language="en", iteration=2)),
    ]
    assert {experiment_of(other) for other in same} == {experiment_of(config)}
    assert experiment_of(replace(config, seed=8)) != experiment_of(config)


def test_the_name_of_another_experiment_is_refused_before_any_work(tmp_path: Path) -> None:
    settings = ["model=tiny", "name='auditoría 2026'", f"paths.outputs={tmp_path}"]
    config = read_config(settings)
    directory = RunDirectory(tmp_path, pipeline_of(config).run_name(config))
    assert directory.path.name == "auditoría-2026"
    directory.open(config, "python -m secft model=tiny")
    directory.close()
    assert not run_name_problems(Situation(read_config(settings)))
    assert not run_name_problems(Situation(read_config([*settings, "evidence.iteration=2"])))
    (problem,) = run_name_problems(Situation(read_config([*settings, "trainer.epochs=2"])))
    assert problem.key == "name"
    assert "another experiment" in str(problem)
    assert not run_name_problems(Situation(read_config(["model=tiny", f"paths.outputs={tmp_path}"])))


@pytest.mark.parametrize("key", ["name", "dataset.name", "dataset.provider", "model.name"])
def test_names_that_are_paths_are_refused_before_any_work(tmp_path: Path, key: str) -> None:
    problems = pipeline_of(RunConfig()).problems(read_config([f"{key}=../../elsewhere"]), machine=False)
    assert [problem.key for problem in problems] == [key]
    assert "one directory" in str(problems[0])


def test_a_job_of_a_sweep_waits_for_an_equal_one(tmp_path: Path) -> None:
    first = opened(tmp_path)
    second, waited = RunDirectory(tmp_path, "run"), threading.Event()

    def wait() -> None:
        second.open({"seed": 1}, "python -m secft -m", waits=True)
        waited.set()
        second.close()

    waiting = threading.Thread(target=wait)
    waiting.start()
    assert not waited.wait(0.5)
    first.close()
    assert waited.wait(30)
    waiting.join()
