"""Environments of backends, made with pip from wheels that the tests build: no network, real virtual environments."""

from __future__ import annotations

import base64
import hashlib
import os
import signal
import subprocess
import sys
import time
import zipfile
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import pytest

import secft.train.environments.making as making
from secft.errors import InputError, StorageError, TrainingError
from secft.train.backends import BACKENDS, SEPARATE
from secft.train.environments import BackendEnvironment, check, ensure, in_use, repair, variables_for
from secft.train.environments.lock import LOCKS, lock_of
from secft.train.environments.place import RECORD, read_record
from secft.train.environments.turns import is_being_made

SECONDS = 120
ENSURE = """
import sys
from pathlib import Path
from secft.train.environments import ensure
ensure("demo", Path(sys.argv[1]), lambda text: print(text, flush=True), locks=Path(sys.argv[2]))
"""


def write_wheel(folder: Path, name: str, version: str, needs: str = "") -> None:
    """Build a pure-Python wheel with one module, as the wheel specification says."""
    info = f"{name}-{version}.dist-info"
    metadata = f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n" + (
        f"Requires-Dist: {needs}\n" if needs else ""
    )
    files = {
        f"{name}.py": f"VERSION = {version!r}\n",
        f"__pycache__/{name}.cpython-30.pyc": "compiled",
        f"{info}/METADATA": metadata,
        f"{info}/WHEEL": "Wheel-Version: 1.0\nGenerator: test\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
    }
    record = ""
    for path, text in files.items():
        digest = base64.urlsafe_b64encode(hashlib.sha256(text.encode()).digest()).rstrip(b"=").decode()
        record += f"{path},sha256={digest},{len(text.encode())}\n"
    with zipfile.ZipFile(folder / f"{name}-{version}-py3-none-any.whl", "w") as wheel:
        for path, text in {**files, f"{info}/RECORD": f"{record}{info}/RECORD,,\n"}.items():
            wheel.writestr(path, text)


def write_lock(locks: Path, text: str) -> None:
    locks.mkdir(exist_ok=True)
    (locks / "demo.lock").write_text(text, encoding="utf-8")


def packages_of(made: BackendEnvironment) -> Path:
    return next(made.directory.glob("lib/python*/site-packages"))


def kinds(root: Path, locks: Path, *, files: bool = False) -> list[str]:
    return [finding.code for finding in check("demo", root, files=files, locks=locks)]


@pytest.fixture(scope="module")
def wheels(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("wheels")
    write_wheel(folder, "alpha", "1.0", needs="never_installed>=3")
    write_wheel(folder, "alpha", "1.1")
    write_wheel(folder, "beta", "2.0")
    write_wheel(folder, "gamma", "3.0")
    return folder


@pytest.fixture(scope="module", autouse=True)
def _only_these_wheels(wheels: Path) -> Iterator[None]:
    """Settings of pip as a user without a network has them."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PIP_NO_INDEX", "1")
        patch.setenv("PIP_FIND_LINKS", str(wheels))
        patch.setenv("PIP_CONFIG_FILE", os.devnull)
        yield


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path, list[str]]:
    """An environment that was made once; what is told while it is made; tests put back what they change."""
    place = tmp_path_factory.mktemp("finished")
    write_lock(place / "locks", "# two packages\nalpha==1.0\nbeta==2.0  # the second\n")
    added = place / "locks" / "demo"
    added.mkdir()
    (added / "stand_in.py").write_text("REAL = False\n", encoding="utf-8")
    told: list[str] = []
    ensure("demo", place / "root", told.append, locks=place / "locks")
    return place / "root", place / "locks", told


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


def test_tampered_version_is_found_without_reading_files(finished: tuple[Path, Path, list[str]]) -> None:
    root, locks, _ = finished
    metadata = packages_of(ensure("demo", root, locks=locks)) / "beta-2.0.dist-info" / "METADATA"
    text = metadata.read_text(encoding="utf-8")
    metadata.write_text(text.replace("Version: 2.0", "Version: 2.7"), encoding="utf-8")
    try:
        found = check("demo", root, locks=locks)
        assert [(finding.code, finding.reason) for finding in found] == [("version", "beta 2.7, the lock says 2.0")]
        assert "doctor --fix --backend demo" in str(found[0])
    finally:
        metadata.write_text(text, encoding="utf-8")
    assert kinds(root, locks) == []


def test_changed_files_are_found_where_files_are_read(finished: tuple[Path, Path, list[str]]) -> None:
    root, locks, _ = finished
    packages = packages_of(ensure("demo", root, locks=locks))
    module, added = packages / "alpha.py", packages / "stand_in.py"
    before = module.read_text(encoding="utf-8"), added.read_text(encoding="utf-8")
    (packages / "__pycache__" / "alpha.cpython-30.pyc").write_text("compiled again", encoding="utf-8")
    assert kinds(root, locks, files=True) == []
    module.write_text("VERSION = 'other'\n", encoding="utf-8")
    assert kinds(root, locks) == []
    assert [finding.reason for finding in check("demo", root, files=True, locks=locks)] == ["alpha.py was changed"]
    module.unlink()
    added.write_text("REAL = True\n", encoding="utf-8")
    found = check("demo", root, files=True, locks=locks)
    assert [finding.reason for finding in found] == ["alpha.py is gone", "stand_in.py is gone or was changed"]
    module.write_text(before[0], encoding="utf-8")
    added.write_text(before[1], encoding="utf-8")
    assert kinds(root, locks, files=True) == []


def test_added_package_is_found(finished: tuple[Path, Path, list[str]]) -> None:
    root, locks, _ = finished
    info = packages_of(ensure("demo", root, locks=locks)) / "gamma-3.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: gamma\nVersion: 3.0\n", encoding="utf-8")
    assert kinds(root, locks) == ["extra"]
    (info / "METADATA").unlink()
    info.rmdir()
    assert kinds(root, locks) == []


def test_moved_environment_and_gone_python_do_not_count(finished: tuple[Path, Path, list[str]], tmp_path: Path) -> None:
    root, locks, _ = finished
    (root / "demo").rename(tmp_path / "demo")
    try:
        assert kinds(tmp_path, locks) == ["moved"]
        assert kinds(root, locks) == ["missing"]
    finally:
        (tmp_path / "demo").rename(root / "demo")
    python = root / "demo" / "bin" / "python"
    target = python.readlink()
    python.unlink()
    python.symlink_to("/nowhere/python")
    assert kinds(root, locks) == ["python"]
    python.unlink()
    python.symlink_to(target)
    assert kinds(root, locks) == []


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
    wait_for(lambda: (root / "demo" / "pyvenv.cfg").is_file())
    child.send_signal(number)
    assert child.wait(SECONDS) != 0
    record = read_record(root / "demo")
    assert record is not None
    assert record.state == "unfinished"
    assert kinds(root, locks) in (["unfinished"], ["being made"])
    assert ensure("demo", root, locks=locks).versions["alpha"] == "1.0"
    assert kinds(root, locks, files=True) == []


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


def wait_for(happened: Callable[[], bool]) -> None:
    end = time.monotonic() + SECONDS
    while not happened():
        assert time.monotonic() < end, "it never happened"
        time.sleep(0.02)


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


def test_locks_hold_nothing_but_pins(tmp_path: Path) -> None:
    for name in SEPARATE:
        lock = lock_of(name)
        assert {"torch", "transformers", "trl", "peft", "accelerate", "bitsandbytes"} <= set(lock.versions)
        assert lock.versions["torch"] == "2.13.0"
        assert BACKENDS[name].environment_bytes > 2**30
    assert {path.stem for path in LOCKS.glob("*.lock")} == set(SEPARATE)
    assert len({lock_of(name).digest for name in SEPARATE}) == 3
    with pytest.raises(InputError, match="Did you mean 'axolotl'"):
        lock_of("axolotle")
    for line in ("--index-url https://example.org", "alpha>=1", "alpha @ file:///tmp/alpha.whl"):
        write_lock(tmp_path / "locks", f"alpha==1.0\n{line}\n")
        with pytest.raises(InputError, match=r"demo\.lock:2: expected name==version"):
            lock_of("demo", tmp_path / "locks")


def test_programs_see_only_their_environment(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import secft.train.environments.variables as module

    place = BackendEnvironment("unsloth", tmp_path / "bin" / "python", tmp_path, "", {})
    given = {"PYTHONPATH": "/secft", "PATH": "/usr/bin", "HF_HOME": "/hf", "WANDB_MODE": "online"}
    monkeypatch.setattr(module, "cuda_devices", list)
    found = variables_for(place, given)
    assert "PYTHONPATH" not in found
    assert found["PATH"] == f"{tmp_path / 'bin'}:/usr/bin"
    assert (found["HF_HOME"], found["WANDB_MODE"], found["AXOLOTL_DO_NOT_TRACK"]) == ("/hf", "disabled", "1")
    assert found["UNSLOTH_FORCE_CPU"] == "1"
    monkeypatch.setattr(module, "cuda_devices", lambda: [80 * 2**30])
    assert "UNSLOTH_FORCE_CPU" not in variables_for(place, given)
