"""What every process of a training leaves in its directory, so that its end can be told: ``ranks/rank-<n>.json``.

A note says at first who runs (``pid``, ``host``), and at the end how it ended (``exit_code``, ``message``). A process
that was killed has no time to say so: its note has no end. ``stop`` in the same directory asks all to save and leave.
"""

from __future__ import annotations

import os
import socket
from collections.abc import Callable
from pathlib import Path
from typing import Any

from secft.errors import InputError, SecftError
from secft.files import read_json, write_json

NOTES = "ranks"
STOP = "stop"


def clear_notes(directory: Path) -> None:
    """Remove what an earlier attempt left."""
    (directory / STOP).unlink(missing_ok=True)
    for path in (directory / NOTES).glob("rank-*.json"):
        path.unlink()


def read_notes(directory: Path) -> list[dict[str, Any]]:
    """Return the notes of all processes that started, by rank."""
    notes = [read_json(path) for path in (directory / NOTES).glob("rank-*.json")]
    return sorted(notes, key=lambda note: int(note["rank"]))


def noted(directory: Path, rank: int, work: Callable[[], int]) -> int:
    """Do a process's work and leave notes about its beginning and its end; return its exit code."""
    path = directory / NOTES / f"rank-{rank}.json"
    note: dict[str, Any] = {"rank": rank, "pid": os.getpid(), "host": socket.gethostname()}
    write_json(path, note)
    try:
        code, message = work(), ""
    except BaseException as error:
        code, message = getattr(error, "exit_code", 1), f"{type(error).__name__}: {error}"[:2000]
        write_json(path, {**note, "exit_code": code, "message": message})
        raise
    write_json(path, {**note, "exit_code": code, "message": message})
    return code


def verdict(directory: Path, code: int, world: int) -> tuple[int, str]:
    """Tell how a training of several processes ended.

    Args:
        directory: of the training.
        code: exit code of what started the processes.
        world: number of processes.

    Returns:
        Exit code, and a message ("" after a good end).
    """
    notes = read_notes(directory)
    ends = [note for note in notes if "exit_code" in note]
    wrong = next((note for note in ends if note["exit_code"] == InputError.exit_code), None)
    if code == 0:
        return 0, ""
    if wrong is not None:
        return InputError.exit_code, str(wrong["message"]).partition(": ")[2]
    codes = {int(note["exit_code"]) for note in ends}
    if len(ends) == world and len(codes) == 1 and codes != {SecftError.exit_code}:
        return codes.pop(), ""
    silent = [note for note in notes if "exit_code" not in note]
    if silent:
        first = silent[0]
        return SecftError.exit_code, (
            f"process {first['rank']} of {world} (pid {first['pid']} on {first['host']}) was killed; the others were "
            "stopped. The last checkpoint is kept: start the same run again to go on from it"
        )
    if len(notes) < world:
        missing = sorted(set(range(world)) - {int(note["rank"]) for note in notes})
        return SecftError.exit_code, f"processes {missing} of {world} did not start"
    broken = next((note for note in ends if note["exit_code"]), ends[0])
    return SecftError.exit_code, f"process {broken['rank']} of {world} failed: {broken['message']}"
