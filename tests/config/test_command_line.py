"""The program as a person starts it: exit codes, and no heavy import before there is work."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]


def secft(*arguments: str, cwd: Path = ROOT) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-X", "importtime", "-m", "secft", *arguments]
    return subprocess.run(command, cwd=cwd, capture_output=True, text=True, timeout=60, check=False)


def loads_torch(done: subprocess.CompletedProcess[str]) -> bool:
    return any(line.rstrip().endswith(" torch") for line in done.stderr.splitlines())


@pytest.mark.parametrize(
    ("arguments", "code", "said"),
    [
        (("--help",), 0, "Groups and options"),
        (("--version",), 0, "secft 0."),
        (("trainer.learnig_rate=1", "+model.foo=2", "dedup.threshold=7"), 2, "3 problems"),
        (("rnu",), 2, "Did you mean 'run'"),
        (("model=llama31", "trainer=qlora", "--cfg", "job"), 0, "meta-llama/Llama-3.1-8B-Instruct"),
        (("source=[capec]", "--cfg", "job"), 0, "path: ???"),
        (("source=[cwe]", "source.cwe.path=/nonexistent.xml"), 2, "/nonexistent.xml"),
        (("source=[jsonl]", "source.jsonl.path=/nonexistent.jsonl", "trainer.epochs=0"), 2, "2 problems"),
    ],
)
def test_exit_code_without_torch(arguments: tuple[str, ...], code: int, said: str, tmp_path: Path) -> None:
    done = secft(*arguments, cwd=tmp_path)
    assert done.returncode == code, done.stderr
    assert said in done.stdout + done.stderr
    assert "Traceback" not in done.stderr
    assert not loads_torch(done)
    assert list(tmp_path.iterdir()) == []


def test_importing_the_package_is_cheap() -> None:
    code = "import sys, secft; sys.exit(any(m in sys.modules for m in ('torch', 'transformers', 'hydra', 'pyarrow')))"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


@pytest.mark.parametrize("flag", ["--help", "trainer.nope=1"])
def test_a_module_run_says_one_thing_only(flag: str) -> None:
    done = subprocess.run([sys.executable, "-m", "secft", flag], capture_output=True, text=True, check=False)
    assert bool(done.stdout) != bool(done.stderr)
