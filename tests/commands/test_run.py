"""How a run, and a job of a sweep, end where something unforeseen happens."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from secft.commands import run as module
from secft.config.compose import read_config

SWEEP = """
import sys
from secft.__main__ import main
from secft.commands import run
from secft.errors import ConfigError, Problem

def stages(all_stages, config, *rest):
    if config.seed == 1:
        raise RuntimeError("no room\\nfor more")
    raise ConfigError([Problem("seed", "is odd", config.seed)])

run.run_stages = stages
sys.exit(main(["-m", "model=tiny", "synthesis=template", "seed=1,2"]))
"""


def test_a_run_that_meets_something_unforeseen_is_recorded_as_an_error(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def stages(*_: object) -> None:
        raise RuntimeError("no room\nfor more")

    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(module, "run_stages", stages)
    with pytest.raises(RuntimeError, match="no room"):
        module.run(read_config(["model=tiny", "synthesis=template", "name=one"]), "a command")
    record = json.loads((tmp_path / "outputs" / "one" / "run.json").read_text())
    assert (record["status"], record["error"]) == ("error", "RuntimeError: no room")
    assert record["ended"]


def test_what_a_job_meets_is_its_row_and_the_other_jobs_go_on(tmp_path: Path) -> None:
    command = [sys.executable, "-c", SWEEP]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, timeout=300, check=False)
    rows = [json.loads(path.read_text()) for path in sorted(tmp_path.glob("outputs/sweeps/*/jobs/*.json"))]
    assert [(row["status"], row["exit_code"]) for row in rows] == [("error", 1), ("error", 2)], done.stderr
    assert rows[0]["error"] == "RuntimeError: no room"
    for row in rows:
        record = json.loads((tmp_path / row["directory"] / "run.json").read_text())
        assert (record["run"], record["status"]) == (row["run"], "error")
    assert done.returncode == 1
    assert "RuntimeError: no room" in done.stderr
