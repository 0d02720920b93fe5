"""Three hundred wrong command lines: each ends with 2, is answered in words, and shows no traceback."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from secft.__main__ import main
from tests.config.wrong_lines import MISTAKES, wrong_lines

LINES = 300
SLICE = 25


@pytest.mark.parametrize("start", range(0, LINES, SLICE))
def test_a_wrong_command_line_is_answered(
    start: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    for line in wrong_lines(LINES, seed=14)[start : start + SLICE]:
        assert main(line) == 2, line
        said = capsys.readouterr()
        assert said.err.strip(), line
        assert "Traceback" not in said.err, line
        assert not said.out, line
    assert not list(tmp_path.iterdir())


def test_every_kind_of_mistake_is_among_them() -> None:
    lines = wrong_lines(LINES, seed=14)
    assert len(lines) == LINES
    assert len({tuple(line) for line in lines}) > LINES * 0.9
    assert 10 * len(MISTAKES) < LINES


def test_a_process_ends_with_2_and_no_traceback(tmp_path: Path) -> None:
    lines = [
        ["seed=${seed}", "trainer.learnig_rate=1"],
        ["--package", "trainer"],
        ["paths.outputs=/proc/x", "model=tiny"],
    ]
    for line in lines:
        command = [sys.executable, "-m", "secft", *line]
        done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, timeout=120, check=False)
        assert done.returncode == 2, done.stderr
        assert "Traceback" not in done.stderr
        assert not done.stdout
    assert not list(tmp_path.iterdir())


def test_a_typo_does_not_wait_for_what_a_run_needs(tmp_path: Path) -> None:
    program = (
        "import sys; from secft.__main__ import main; code = main(['trainer.learnig_rate=1']);"
        "print(code, sorted({'secft.pipelines', 'numpy', 'pyarrow', 'pydantic'} & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", program], cwd=tmp_path, capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["2", "[]"]
    assert done.stderr.count("\n") == 2, "a typo is answered with what concerns it"
