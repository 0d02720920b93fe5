"""Making the environment of a backend: a virtual environment, and what its lock says.

torch is installed first, with the dependencies of its own build (the CUDA libraries of the usual build, nothing with
a CPU build); then all packages of the lock without dependencies. pip does it, so that the user's own settings (index,
certificates, folders of wheels) apply. An environment is finished when its record says so, and that is written last.
"""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable, Sequence
from contextlib import suppress
from pathlib import Path

from secft.environment import cuda_devices, free_disk_bytes
from secft.errors import InputError, StorageError, TrainingError
from secft.files import storage_errors, write_text
from secft.progress import Meter, meter
from secft.train.backends import BACKENDS
from secft.train.environments.lock import CUDA_SIZE, Lock
from secft.train.environments.look import Inside, look_inside
from secft.train.environments.place import RECORD, BackendEnvironment, Record, is_occupied, place_of, python_of, ready
from secft.train.environments.turns import Show

PYTHONS = ((3, 11), (3, 12))
"""Versions of Python for which the requirements of the backends resolve to exactly the packages of their locks."""
_POLL_SECONDS = 0.5
_LOG_LINES = 12
_LIKELY_CAUSES = (
    ("No space left on device", "the disk is full"),
    ("Could not find a version that satisfies", "the index has no such version for this Python, or cannot be reached"),
    ("No matching distribution", "the index has no such version for this Python, or cannot be reached"),
    ("Temporary failure in name resolution", "there is no network"),
    ("NewConnectionError", "there is no network, or the index cannot be reached"),
    ("Max retries exceeded", "the index cannot be reached"),
    ("CERTIFICATE_VERIFY_FAILED", "the certificate of the index is not trusted"),
)
_REMEDY = (
    "The settings of pip apply (pip config list; PIP_INDEX_URL, PIP_CERT). Without a network, put the wheels into a "
    "folder and set PIP_FIND_LINKS to it and PIP_NO_INDEX=1. Then: python -m secft doctor --fix --backend {name}"
)
_HIDDEN = ("PYTHONPATH", "PYTHONHOME", "VIRTUAL_ENV", "PIP_TARGET", "PIP_PREFIX", "PIP_USER", "__PYVENV_LAUNCHER__")
"""Variables that would make pip install elsewhere, or Python look elsewhere."""


def make(lock: Lock, root: Path, show: Show, held: int) -> BackendEnvironment:
    """Make an environment anew, in the turn of the caller; what stood there before is removed first.

    Args:
        lock: what it holds.
        root: where the environments are.
        show: told one line before and after.
        held: descriptor of the turn.

    Raises:
        InputError: something that secft did not make stands there, or there is no fitting Python.
        StorageError: the disk is too small, or full.
        TrainingError: pip failed.
    """
    directory = place_of(lock.name, root)
    interpreter = fitting_python()
    _clear(directory)
    _check_room(lock.name, root)
    log = root / f"{lock.name}.log"
    started = Record("unfinished", lock.digest, str(directory))
    with storage_errors(directory):
        directory.mkdir()
    started.write(directory)
    show(f"Making the environment of {lock.name} in {directory} ({len(lock.versions)} packages; done once).")
    with storage_errors(log), log.open("wb") as stream:
        program = _Program(stream.fileno(), log, lock.name, held)
        program.run([str(interpreter), "-m", "venv", str(directory)])
        with meter(lock.name, 2 * len(lock.versions), "packages") as progress:
            _install(lock, directory, program, progress)
        for module in lock.added:
            for packages in directory.glob("lib/python*/site-packages"):
                shutil.copyfile(module, packages / module.name)
    inside = look_inside(python_of(directory))
    _check_versions(lock, inside, log)
    Record("ready", lock.digest, str(directory), inside.python, inside.versions).write(directory)
    show(f"The environment of {lock.name} is ready.")
    made = ready(lock.name, root, lock.digest)
    assert made is not None  # its record was written just now
    return made


def fitting_python() -> Path:
    """Return an interpreter that the locks fit: this one, or one on the PATH.

    Raises:
        InputError: there is none.
    """
    if sys.version_info[:2] in PYTHONS:
        return Path(sys.executable)
    names = [f"python{major}.{minor}" for major, minor in PYTHONS]
    found = next((path for path in map(shutil.which, names) if path), None)
    if found is None:
        shown = ", ".join(f"{major}.{minor}" for major, minor in PYTHONS)
        running = f"{sys.version_info.major}.{sys.version_info.minor}"
        raise InputError(
            f"The environments of backends need Python {shown}; this is {running} and none is on the PATH."
        )
    return Path(found)


def _clear(directory: Path) -> None:
    """Remove an environment; it is renamed first, so that no half of it is ever taken for whole."""
    if is_occupied(directory):
        raise InputError(
            f"{directory} holds something that secft did not make (it has no {RECORD}). "
            "Move it away, or choose another place with paths.backends=DIR."
        )
    old = directory.with_name(f".{directory.name}.old")
    with storage_errors(directory):
        shutil.rmtree(old, ignore_errors=True)
        with suppress(FileNotFoundError):
            directory.rename(old)
        shutil.rmtree(old, ignore_errors=True)


def _check_room(name: str, root: Path) -> None:
    """Raise a StorageError if the disk is too small: the environment, and the downloads while it is made."""
    size = BACKENDS[name].environment_bytes if name in BACKENDS else 0
    size += CUDA_SIZE if size and cuda_devices() else 0
    needed, free = int(size * 1.4), free_disk_bytes(root)
    if free < needed:
        raise StorageError(
            f"{root}: the environment of {name} takes {size / 2**30:.1f} GiB, and {needed / 2**30:.1f} GiB while it is "
            f"made; {free / 2**30:.1f} GiB are free. Free some space, or choose another place with paths.backends=DIR."
        )


def _install(lock: Lock, directory: Path, program: _Program, progress: Meter) -> None:
    pip = [str(python_of(directory)), "-m", "pip", "install", "--disable-pip-version-check", "--no-input"]
    pip += ["--no-warn-script-location"]
    count = _Counter(program.log, directory, progress)
    told = directory / "pins"
    told.mkdir()
    if "torch" in lock.versions:
        progress.begin("torch")
        write_text(told / "constraints.txt", lock.constraints())
        torch = f"torch=={lock.versions['torch']}"
        program.run([*pip, torch, "--constraint", str(told / "constraints.txt")], count)
    progress.begin("packages")
    # Where any package has digests, pip asks for those of all.
    write_text(told / "requirements.txt", lock.requirements(without="torch"))
    program.run([*pip, "--no-deps", "--requirement", str(told / "requirements.txt")], count)
    shutil.rmtree(told)


class _Counter:
    """Tells a meter how many packages were found and how many are installed."""

    def __init__(self, log: Path, directory: Path, progress: Meter) -> None:
        self._log, self._directory, self._progress, self._shown = log, directory, progress, 0

    def __call__(self) -> None:
        found = self._log.read_bytes().count(b"Collecting ")
        installed = sum(1 for _ in self._directory.glob("lib/python*/site-packages/*.dist-info"))
        done = found + installed
        self._progress.advance(max(0, done - self._shown))
        self._shown = max(done, self._shown)


class _Program:
    """Runs programs whose output goes into a log; ends them with whatever ends this process."""

    def __init__(self, stream: int, log: Path, name: str, held: int) -> None:
        self._stream, self.log, self._name, self._held = stream, log, name, held

    def run(self, command: Sequence[str], during: Callable[[], None] | None = None) -> None:
        """Run a program to its end.

        Args:
            command: program and arguments.
            during: called now and then while it runs.

        Raises:
            StorageError: it failed because the disk is full.
            TrainingError: it failed for another reason.
        """
        variables = {key: value for key, value in os.environ.items() if key not in _HIDDEN}
        os.write(self._stream, f"$ {' '.join(command)}\n".encode())
        child = subprocess.Popen(
            command, stdin=subprocess.DEVNULL, stdout=self._stream, stderr=self._stream, env=variables,
            start_new_session=True, pass_fds=(self._held,),
        )  # fmt: skip
        try:
            while True:
                with suppress(subprocess.TimeoutExpired):
                    child.wait(_POLL_SECONDS)
                    break
                if during is not None:
                    during()
        finally:
            if child.poll() is None:
                # With all that it started.
                with suppress(ProcessLookupError):
                    os.killpg(child.pid, signal.SIGKILL)
                child.wait()
        if child.returncode != 0:
            raise self._failure(command, child.returncode)

    def _failure(self, command: Sequence[str], code: int) -> InputError | TrainingError:
        text = self.log.read_text(encoding="utf-8", errors="replace")
        last = [line for line in text.splitlines() if line.strip() and "Location 'file:" not in line][-_LOG_LINES:]
        cause = next((cause for sign, cause in _LIKELY_CAUSES if sign in text), "")
        summary = f"The environment of {self._name} could not be made" + (f": {cause}." if cause else ".")
        lines = [summary, f"  command    {' '.join(command)}", f"  exit code  {code}", f"  log        {self.log}"]
        lines += ["  last lines:", *(f"    {line}" for line in last), _REMEDY.format(name=self._name)]
        kind = StorageError if cause == "the disk is full" else TrainingError
        return kind("\n".join(lines))


def _check_versions(lock: Lock, inside: Inside, log: Path) -> None:
    wrong = [
        f"{name} {inside.versions.get(name, 'is missing')} instead of {version}"
        for name, version in lock.versions.items()
        if not same_version(inside.versions.get(name, ""), version)
    ]
    if wrong:
        raise TrainingError(f"pip did not install what {lock.path.name} says: {', '.join(wrong)}. Its log is {log}.")


def same_version(installed: str, locked: str) -> bool:
    """Return whether an installed version is the locked one; a build such as ``2.13.0+cpu`` is."""
    return installed == locked or installed.partition("+")[0] == locked
