"""python -m secft doctor: what it says, what it makes, and how it ends."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from secft.__main__ import main
from secft.commands import doctor
from secft.errors import TrainingError
from secft.train.backends import BACKENDS, SEPARATE
from secft.train.environments.lock import lock_of
from secft.train.environments.place import Record
from secft.train.objectives import METHODS


def place(root: Path) -> str:
    return f"paths.backends={root}"


def test_tells_machine_methods_environments_and_missing_parts(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["doctor", place(tmp_path)]) == 0
    told = capsys.readouterr().out
    for part in ("processor", "memory", "CUDA devices", "paths.backends", *METHODS, *BACKENDS):
        assert part in told
    assert told.count("not made yet") == len(SEPARATE)
    assert "Main job\nnothing keeps it from being started" in told
    assert not any(tmp_path.iterdir())


def test_imports_nothing_heavy_and_is_quick(tmp_path: Path) -> None:
    program = (
        "import sys; from secft.__main__ import main; code = main(['doctor']);"
        "print(sorted({'torch', 'transformers', 'trl', 'pyarrow'} & set(sys.modules)), code)"
    )
    done = subprocess.run([sys.executable, "-c", program], cwd=tmp_path, capture_output=True, text=True, check=True)
    assert done.stdout.splitlines()[-1] == "[] 0"


def test_json_holds_what_is_printed(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["doctor", "--json", place(tmp_path)]) == 0
    facts = json.loads(capsys.readouterr().out)
    assert set(facts["backends"]) == set(SEPARATE)
    assert {told["state"] for told in facts["backends"].values()} == {"missing"}
    assert facts["machine"]["memory_bytes"] > 2**28
    assert facts["machine"]["free_bytes"]["backends"] > 0


@pytest.mark.parametrize("flag", [["--backend", "unsloth"], ["--backend=unsloth"], ["unsloth"]])
def test_named_backend_that_is_not_there_is_2(
    flag: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["doctor", *flag, place(tmp_path)]) == 2
    told = capsys.readouterr().out
    assert "unsloth" in told
    assert ".backends/axolotl" not in told


def test_broken_environment_is_2(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    directory = tmp_path / "axolotl"
    directory.mkdir()
    Record("unfinished", lock_of("axolotl").digest, str(directory)).write(directory)
    assert main(["doctor", place(tmp_path)]) == 2
    assert "not in order: unfinished: making its environment was interrupted" in capsys.readouterr().out
    Record("ready", "0" * 64, str(directory)).write(directory)
    assert main(["doctor", place(tmp_path)]) == 2
    assert "not in order: other lock" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (["--backend", "axolotle"], "Did you mean 'axolotl'?"),
        (["trl"], "The others train in the environment of secft"),
        (["--fixx"], "Did you mean '--fix'?"),
        (["trainer.epochs=2"], "trainer: no such setting"),
    ],
)
def test_wrong_use_is_told(words: list[str], told: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["doctor", *words]) == 2
    assert told in capsys.readouterr().err


def test_help_names_every_flag(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["doctor", "--help"]) == 0
    told = capsys.readouterr().out
    assert "usage: python -m secft doctor" in told
    assert all(flag in told for flag in ("--fix", "--files", "--json", "--backend NAME", "doctor --cfg job"))


def test_fix_goes_on_after_a_failure_and_ends_with_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    asked = []

    def fail(name: str, root: Path, show: object) -> None:
        asked.append((name, root))
        raise TrainingError(f"{name}: no network")

    monkeypatch.setattr(doctor, "repair", fail)
    assert main(["doctor", "--fix", "--backend", "unsloth", "axolotl", place(tmp_path)]) == 1
    assert asked == [("axolotl", tmp_path), ("unsloth", tmp_path)]
    assert "unsloth: no network" in capsys.readouterr().err


def test_what_keeps_the_main_job_from_being_started_is_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "outputs").write_text("a file where the outputs should be")
    assert main(["doctor", "--json", place(tmp_path), f"paths.models={tmp_path}/outputs/models"]) == 0
    other, problem = json.loads(capsys.readouterr().out)["run"]
    assert "paths.outputs" in problem
    assert "is below a file" in problem
    assert "paths.models" in other
