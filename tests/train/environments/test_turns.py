"""Only one process makes an environment, and only while none trains in it."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from secft.errors import TrainingError
from secft.train.environments import ensure, in_use
from secft.train.environments.turns import is_being_made
from tests.train.environments.made import ENSURE, SECONDS, kinds, wait_for, write_lock


def test_two_processes_take_turns(tmp_path: Path) -> None:
    root, locks = tmp_path / "root", tmp_path / "locks"
    write_lock(locks, "alpha==1.0\n")
    children = []
    for _ in range(2):
        command = [sys.executable, "-c", ENSURE, root, locks]
        children.append(subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True))
        wait_for(lambda: is_being_made("demo", root))
    assert kinds(root, locks) == ["being made"]
    outputs = [child.communicate(timeout=SECONDS)[0] for child in children]
    assert [child.returncode for child in children] == [0, 0]
    assert ["Making the environment" in output for output in outputs] == [True, False]
    assert "waiting for it" in outputs[1]


def test_environment_in_use_is_not_removed(tmp_path: Path) -> None:
    root, locks = tmp_path / "root", tmp_path / "locks"
    write_lock(locks, "alpha==1.0\n")
    made = ensure("demo", root, locks=locks)
    write_lock(locks, "alpha==1.1\n")
    with in_use(made), in_use(made):
        command = [sys.executable, "-c", ENSURE, root, locks]
        child = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
        assert child.stdout is not None
        assert "making or using the environment of demo; waiting" in child.stdout.readline()
        assert kinds(root, locks) == ["other lock"]
        assert made.python.is_file()
    assert "is ready" in child.communicate(timeout=SECONDS)[0]
    with pytest.raises(TrainingError, match="was removed"), in_use(made):
        pass
