"""Supervise a launcher: ``python -m secft.train.distributed.supervise <directory> -- <command>``.

Launchers answer SIGTERM by ending their processes, some at once and some after a while, and end with code 1 whatever
happened. Here SIGTERM and Ctrl-C become a file that the processes look for after each step: they save one checkpoint
together and leave. A second signal ends everything at once. The exit code and one ``error:`` line tell what happened.
Nothing is left behind, however this process ends: the launcher dies with it, and the processes with the launcher.
"""

from __future__ import annotations

import ctypes
import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

from secft.train.distributed.commands import process_environment
from secft.train.distributed.notes import STOP, verdict
from secft.train.distributed.settings import DistributedSettings
from secft.train.job import TrainJob
from secft.train.runners.facts import PARENT_VARIABLE, PR_SET_PDEATHSIG, die_with_parent


def main(argv: list[str]) -> int:
    """Run the command after ``--`` for the training in a directory; return the exit code."""
    die_with_parent()
    directory, command = Path(argv[0]), argv[argv.index("--") + 1 :]
    settings = TrainJob.read(directory / "job.json").distributed
    child = _start(command, settings)
    _ask_on_signals(child, directory)
    code, message = verdict(directory, child.wait(), settings.world)
    if message:
        print(f"error: {message}", file=sys.stderr, flush=True)
    return code


def _start(command: list[str], settings: DistributedSettings) -> subprocess.Popen[bytes]:
    """Start the launcher in a session of its own, so that a signal to this process's group does not reach it."""
    # Its processes ask whether their parent is still the one that started them: that is the launcher.
    named = ["/bin/sh", "-c", f'{PARENT_VARIABLE}=$$ exec "$@"', "sh", *command]
    environment = {**os.environ, **process_environment(settings)}
    # Before any thread is started: what the child does between fork and exec is one system call.
    return subprocess.Popen(named, start_new_session=True, env=environment, preexec_fn=_die_with_this)  # noqa: PLW1509


def _die_with_this() -> None:
    if sys.platform.startswith("linux"):
        ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)


def _ask_on_signals(child: subprocess.Popen[bytes], directory: Path) -> None:
    """First signal: ask for a checkpoint and the end. Second: kill the launcher, and with it its processes."""

    def handle(number: int, _frame: Any) -> None:
        stop = directory / STOP
        if stop.exists():
            os.killpg(child.pid, signal.SIGKILL)
            raise SystemExit(128 + number)
        stop.touch()

    signal.signal(signal.SIGINT, handle)
    signal.signal(signal.SIGTERM, handle)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
