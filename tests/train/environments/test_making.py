"""Making the environment of a backend, again where it is not in order."""

from __future__ import annotations

import hashlib
import signal
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest

import secft.train.environments.making as making
from secft.errors import InputError, StorageError, TrainingError
from secft.train.backends import BACKENDS
from secft.train.environments import check, ensure, repair
from secft.train.environments.lock import lock_of
from secft.train.environments.place import RECORD, read_record
from tests.train.environments.made import ENSURE, SECONDS, kinds, packages_of, wait_for, write_lock


def test_first_use_makes_what_the_lock_says(finished: tuple[Path, Path, list[str]]) -> None:
    root, locks, told = finished
    made = ensure("demo", root, locks=locks)
    shown = subprocess.run(
        [made.python, "-c", "import alpha, beta, stand_in; print(alpha.VERSION, beta.VERSION, stand_in.REAL)"],
        capture_output=True, text=True, check=True,
    )  # fmt: skip
    assert shown.stdout.split() == ["1.0", "2.0", "False"]
    assert "never-installed" not in made.versions
    assert made.versions["alpha"] == "1.0"
    assert made.lock_digest == lock_of("demo", locks).digest
    assert "Making the environment of demo" in told[0]
    assert check("demo", root, files=True, locks=locks) == []


def test_second_use_runs_no_program(finished: tuple[Path, Path, list[str]], monkeypatch: pytest.MonkeyPatch) -> None:
    root, locks, _ = finished

    def refuse(*arguments: object, **options: object) -> None:
        raise AssertionError(f"ran {arguments}")

    monkeypatch.setattr(subprocess, "Popen", refuse)
    told: list[str] = []
    assert ensure("demo", root, told.append, locks=locks).name == "demo"
    assert told == []


def test_another_lock_and_damage_make_it_anew(tmp_path: Path) -> None:
    root, locks = tmp_path / "root", tmp_path / "locks"
    write_lock(locks, "alpha==1.0\n")
    ensure("demo", root, locks=locks)
    (root / "demo" / "mine.txt").write_text("kept until it is made anew", encoding="utf-8")
    write_lock(locks, "# a comment changes nothing\nalpha==1.0\n")
    assert kinds(root, locks) == []
    write_lock(locks, "alpha==1.1\n")
    assert kinds(root, locks) == ["other lock"]
    made = ensure("demo", root, locks=locks)
    assert made.versions["alpha"] == "1.1"
    assert not (root / "demo" / "mine.txt").exists()
    same = (root / "demo" / RECORD).stat().st_mtime_ns
    repair("demo", root, locks=locks)
    assert (root / "demo" / RECORD).stat().st_mtime_ns == same
    (packages_of(made) / "alpha.py").write_text("broken", encoding="utf-8")
    repair("demo", root, locks=locks)
    assert kinds(root, locks, files=True) == []
    assert not list(root.glob(".demo.old*"))


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGKILL])
def test_killed_creation_is_unfinished_and_repaired(tmp_path: Path, number: signal.Signals) -> None:
    root, locks = tmp_path / "root", tmp_path / "locks"
    write_lock(locks, "alpha==1.0\n")
    child = subprocess.Popen([sys.executable, "-c", ENSURE, root, locks], stderr=subprocess.DEVNULL)
    wait_for((root / "demo" / "pyvenv.cfg").is_file)
    child.send_signal(number)
    assert child.wait(SECONDS) != 0
    record = read_record(root / "demo")
    assert record is not None
    assert record.state == "unfinished"
    assert kinds(root, locks) in (["unfinished"], ["being made"])
    assert ensure("demo", root, locks=locks).versions["alpha"] == "1.0"
    assert kinds(root, locks, files=True) == []


def test_failure_of_pip_is_told_and_counts_as_unfinished(tmp_path: Path) -> None:
    write_lock(tmp_path / "locks", "alpha==9.9\n")
    with pytest.raises(TrainingError) as caught:
        ensure("demo", tmp_path / "root", locks=tmp_path / "locks")
    told = str(caught.value)
    assert "no such version" in told
    assert "alpha==9.9" in told
    assert str(tmp_path / "root" / "demo.log") in told
    assert "PIP_FIND_LINKS" in told
    assert kinds(tmp_path / "root", tmp_path / "locks") == ["unfinished"]


def test_a_package_with_another_digest_is_not_installed(tmp_path: Path, wheels: Path) -> None:
    digests = {
        name: hashlib.sha256((wheels / f"{name}-py3-none-any.whl").read_bytes()).hexdigest()
        for name in ("beta-2.0", "gamma-3.0")
    }
    pins = f"beta==2.0 \\\n    --hash=sha256:{digests['beta-2.0']}\ngamma==3.0 \\\n    --hash=sha256:"
    write_lock(tmp_path / "locks", f"{pins}{'0' * 64} \\\n    --hash=sha256:{digests['gamma-3.0']}\n")
    made = ensure("demo", tmp_path / "good", lambda text: None, locks=tmp_path / "locks")
    assert (packages_of(made) / "gamma.py").is_file()
    assert not (made.directory / "pins").exists()
    write_lock(tmp_path / "locks", f"{pins}{'0' * 64}\n")
    with pytest.raises(TrainingError, match=r"(?s)DO NOT MATCH THE HASHES|mismatch"):
        ensure("demo", tmp_path / "bad", lambda text: None, locks=tmp_path / "locks")


def test_what_is_not_ours_is_never_removed(tmp_path: Path) -> None:
    write_lock(tmp_path / "locks", "alpha==1.0\n")
    mine = tmp_path / "root" / "demo" / "thesis.txt"
    mine.parent.mkdir(parents=True)
    mine.write_text("years of work", encoding="utf-8")
    for act in (ensure, repair):
        with pytest.raises(InputError, match="holds something that secft did not make"):
            act("demo", tmp_path / "root", locks=tmp_path / "locks")
    assert mine.read_text(encoding="utf-8") == "years of work"
    assert kinds(tmp_path / "root", tmp_path / "locks") == ["occupied"]


def test_disk_and_python_are_checked_first(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write_lock(tmp_path / "locks", "alpha==1.0\n")
    record = replace(BACKENDS["axolotl"], name="demo", environment_bytes=2 * 2**30)
    monkeypatch.setitem(BACKENDS, "demo", record)
    monkeypatch.setattr(making, "free_disk_bytes", lambda place: 2**30)
    with pytest.raises(StorageError, match=r"takes 2\.0 GiB.*1\.0 GiB are free"):
        ensure("demo", tmp_path / "root", locks=tmp_path / "locks")
    monkeypatch.setattr(making, "PYTHONS", ((3, 2),))
    with pytest.raises(InputError, match=r"need Python 3\.2; this is"):
        ensure("demo", tmp_path / "root", locks=tmp_path / "locks")
    assert not (tmp_path / "root" / "demo").exists()
