"""A training of several processes: what they agree on, and what each leaves so that its end can be told."""

from __future__ import annotations

import json
import os
import socket
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch

NOTES = "ranks"
STOP = "stop"


def rank() -> int:
    """Return the number of this process among all."""
    return int(os.environ.get("RANK", "0"))


def several() -> bool:
    """Tell whether a launcher started more processes than this one."""
    return int(os.environ.get("WORLD_SIZE", "1")) > 1


def summed(*values: int) -> list[int]:
    """Return the sums of numbers over all processes; every process must call it equally often."""
    if not (torch.distributed.is_available() and torch.distributed.is_initialized()):
        return list(values)
    device = "cuda" if torch.distributed.get_backend() == "nccl" else "cpu"
    numbers = torch.tensor(values, dtype=torch.int64, device=device)
    torch.distributed.all_reduce(numbers)
    return [int(number) for number in numbers]


def noted(directory: Path, work: Callable[[], int]) -> int:
    """Do the work of a process, leaving ``ranks/rank-<n>.json`` about its beginning and its end.

    Args:
        directory: of the training.
        work: returns an exit code.
    """
    if not several():
        return work()
    path = directory / NOTES / f"rank-{rank()}.json"
    path.parent.mkdir(parents=True, exist_ok=True)
    note: dict[str, Any] = {"rank": rank(), "pid": os.getpid(), "host": socket.gethostname()}
    _write(path, note)
    try:
        code, message = work(), ""
    except BaseException as error:
        code = error.code if isinstance(error, SystemExit) and isinstance(error.code, int) else 1
        _write(path, {**note, "exit_code": code, "message": f"{type(error).__name__}: {error}"[:2000]})
        raise
    _write(path, {**note, "exit_code": code, "message": message})
    return code


def _write(path: Path, note: dict[str, Any]) -> None:
    temporary = path.with_suffix(".tmp")
    temporary.write_text(json.dumps(note), encoding="utf-8")
    temporary.replace(path)
