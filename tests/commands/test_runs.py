"""python -m secft runs: what is listed, shown, compared and removed."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from filelock import FileLock

from secft.__main__ import main
from tests.runs.outputs import edited, make_run


@pytest.fixture
def outputs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    place = tmp_path / "outputs"
    make_run(place, "old-run", candidate=0.5, started="2026-11-01T10:00:00+00:00", verdict="fail")
    make_run(place, "new-run", candidate=0.7, rank=4, status="passed", verdict="pass",
             started="2026-11-02T10:00:00+00:00")  # fmt: skip
    return place


def test_without_runs_it_says_so(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    assert main(["runs", "list"]) == 0
    assert "There is no run in outputs" in capsys.readouterr().out
    assert not list(tmp_path.iterdir())


def test_runs_are_listed_newest_first(outputs: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["runs", "list"]) == 0
    head, first, second = capsys.readouterr().out.splitlines()
    assert head.split() == ["run", "started", "pipeline", "model", "trainer", "status", "verdict", "numbers", "next"]
    assert first.split()[:7] == ["new-run", "2026-11-02", "10:00", "fine-tuning", "tiny", "lora", "passed"]
    assert "gain +45.0 points" in first
    assert second.startswith("old-run")
    assert main(["runs", "list", "--status", "failed", "--last", "1", "--json"]) == 0
    (row,) = json.loads(capsys.readouterr().out)
    assert row["run"] == "old-run"
    assert row["numbers"]["security_mcq"]["candidate"] == pytest.approx({"value": 0.5, "low": 0.4, "high": 0.6})


def test_a_run_that_died_is_told_with_how_to_continue(outputs: Path, capsys: pytest.CaptureFixture[str]) -> None:
    place = make_run(outputs, "dead", status="running", started="2026-11-03T10:00:00+00:00")
    assert main(["runs", "list", "--last", "1"]) == 0
    assert "stopped" in (told := capsys.readouterr().out)
    assert "python -m secft name=dead" in told
    with FileLock(place / ".lock"):
        assert main(["runs", "list", "--last", "1"]) == 0
        assert "running" in capsys.readouterr().out
        assert main(["runs", "rm", "dead", "--yes"]) == 2
        assert "it is running" in capsys.readouterr().out
    assert place.is_dir()


def test_what_is_damaged_is_listed_and_hides_nothing(outputs: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (outputs / "old-run" / "run.json").write_text("{", encoding="utf-8")
    (outputs / "new-run" / "results.json").write_bytes(b"\0" * 40)
    (outputs / "new-run" / "config.yaml").write_text("a: [", encoding="utf-8")
    (outputs / "stray").mkdir()
    assert main(["runs", "list", "--json"]) == 0
    rows = {row["run"]: row for row in json.loads(capsys.readouterr().out)}
    assert set(rows) == {"old-run", "new-run"}
    assert rows["old-run"]["status"] == "unreadable"
    assert rows["new-run"]["numbers"] == {}
    assert main(["runs", "show", "old-run"]) == 0
    assert "cannot be read" in capsys.readouterr().out


def test_a_run_is_shown_whole(outputs: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["runs", "show", "latest"]) == 0
    told = capsys.readouterr().out
    for part in ("passed, the gates say pass", "python -m secft name=new-run", "70.0 % [60.0, 80.0]", "MODEL_CARD.md",
                 "--config-name config", ".secft/stages/train"):  # fmt: skip
        assert part in told
    assert main(["runs", "show", "old", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["settings"]["trainer"]["lora"]["r"] == 16


def test_two_runs_are_compared(outputs: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["runs", "compare", "old-run", "new-run"]) == 0
    told = capsys.readouterr().out
    assert ["trainer.lora.r", "16", "4"] in [line.split() for line in told.splitlines()]
    assert "seed" not in told
    assert "50.0 % [40.0, 60.0]" in told
    assert "+45.0 points [+35.0, +55.0]" in told
    assert "Made once for all of them: dataset" in told
    assert "not the same question" not in told
    make_run(outputs, "other-items", items=12)
    assert main(["runs", "compare", "old-run", "other-items"]) == 0
    assert "security_mcq: not the same question: other items (40, 12)." in capsys.readouterr().out
    assert main(["runs", "compare", "old-run", "old-run"]) == 2


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (["show", "run"], "is a part of 2 names"), (["show", "nosuch"], "there is no such run"),
        (["rm", "old"], "Did you mean 'old-run'?"), (["rm", "../outputs/old-run"], "there is no such run"),
        (["rm", "/"], "there is no such run"), (["rm", "latest"], "no such run"), (["rm", ".."], "no such run"),
        (["lst"], "Did you mean 'list'?"), (["list", "trainer=lora"], "trainer: no such setting"),
    ],
)  # fmt: skip
def test_a_wrong_name_is_2(words: list[str], told: str, outputs: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["runs", *words]) == 2
    assert told in capsys.readouterr().err
    assert len(list(outputs.iterdir())) == 2


def test_removing_tells_first_and_removes_when_told(outputs: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["runs", "rm", "old-run"]) == 0
    assert "Nothing was removed. Add --yes" in capsys.readouterr().out
    assert (outputs / "old-run").is_dir()
    assert main(["runs", "rm", "old-run", "--yes"]) == 0
    assert [path.name for path in outputs.iterdir()] == ["new-run"]


def test_what_the_registry_needs_stays(outputs: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    entry = tmp_path / "models" / "trl" / "new-run"
    entry.mkdir(parents=True)
    (entry / "registration.json").write_text("{}", encoding="utf-8")
    assert main(["runs", "rm", "new-run", "old-run", "--yes", "--edited"]) == 2
    assert "its model is registered" in capsys.readouterr().out
    assert [path.name for path in outputs.iterdir()] == ["new-run"]


def test_what_people_wrote_stays_unless_they_say_so(outputs: Path, capsys: pytest.CaptureFixture[str]) -> None:
    edited(outputs / "old-run")
    assert main(["runs", "rm", "old-run", "--yes"]) == 2
    assert "people wrote into MODEL_CARD.md" in capsys.readouterr().out
    assert main(["runs", "rm", "old-run", "--yes", "--edited"]) == 0
    assert not (outputs / "old-run").exists()


def test_a_link_is_no_run(outputs: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    make_run(tmp_path / "elsewhere", "kept")
    (outputs / "linked").symlink_to(tmp_path / "elsewhere" / "kept")
    assert main(["runs", "rm", "linked", "--yes"]) == 2
    assert (tmp_path / "elsewhere" / "kept" / "run.json").is_file()
    capsys.readouterr()
