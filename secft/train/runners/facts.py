"""What every runner tells about itself and its end, in whatever environment it runs; the standard library alone."""

from __future__ import annotations

import ctypes
import hashlib
import json
import math
import os
import resource
import signal
import sys
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

MARKER = "complete.json"
"""Written last into a checkpoint, with its progress."""
INTERRUPTED_EXIT = 130
"""Exit code of a runner that was asked to stop, and did with a checkpoint."""
PARENT_VARIABLE = "SECFT_PARENT_PID"
PR_SET_PDEATHSIG = 1


@dataclass(frozen=True)
class CheckpointProgress:
    """What a run has done so far; travels with every checkpoint.

    Attributes:
        job_digest: identifies the job that wrote the checkpoint.
        step: optimizer steps.
        tokens: tokens through the model.
        supervised_tokens: tokens with loss.
        seconds: wall clock since the first start, without pauses between attempts.
        step_seconds: part of it that was spent in training steps.
    """

    job_digest: str
    step: int = 0
    tokens: int = 0
    supervised_tokens: int = 0
    seconds: float = 0.0
    step_seconds: float = 0.0


def checkpoint_marker(checkpoint: Path, progress: CheckpointProgress) -> dict[str, Any]:
    """Return what the marker of a checkpoint says: the progress, the digests of its files, and a check of both.

    The files are on the disk when this returns.
    """
    files = {}
    for path in sorted(path for path in checkpoint.rglob("*") if path.is_file() and path.name != MARKER):
        with path.open("rb") as handle:
            os.fsync(handle.fileno())
            files[path.relative_to(checkpoint).as_posix()] = hashlib.file_digest(handle, "sha256").hexdigest()
    marker = {**asdict(progress), "files": files}
    return {**marker, "check": _check_of(marker)}


def read_marker(checkpoint: Path) -> CheckpointProgress | None:
    """Return what a complete checkpoint's marker says, or None where there is no whole one."""
    try:
        marker = json.loads((checkpoint / MARKER).read_text(encoding="utf-8"))
        if marker.pop("check") != _check_of(marker):
            return None
        marker.pop("files")
        return CheckpointProgress(**marker)
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return None


def damaged_files(checkpoint: Path) -> list[str]:
    """Return the files of a checkpoint with a whole marker that are not what was written."""
    files = json.loads((checkpoint / MARKER).read_text(encoding="utf-8"))["files"]
    return [name for name, wanted in files.items() if _sha256(checkpoint / name) != wanted]


def _check_of(marker: dict[str, Any]) -> str:
    return hashlib.sha256(json.dumps(marker, sort_keys=True).encode()).hexdigest()


def _sha256(path: Path) -> str:
    try:
        with path.open("rb") as handle:
            return hashlib.file_digest(handle, "sha256").hexdigest()
    except OSError:
        return ""


def die_with_parent() -> None:
    """Ask the kernel to kill this process when its parent dies, so that a restarted run never races an old one."""
    expected = os.environ.get(PARENT_VARIABLE)
    if expected is None or not sys.platform.startswith("linux"):
        return
    ctypes.CDLL(None, use_errno=True).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
    # The parent may have died before the call above took effect.
    if os.getppid() != int(expected):
        os.kill(os.getpid(), signal.SIGKILL)


def peak_memory_gib() -> float:
    """Return the peak memory of this process (with CUDA: of the device) in GiB."""
    torch = sys.modules.get("torch")
    if torch is not None and torch.cuda.is_available():
        return float(torch.cuda.max_memory_allocated() / 2**30)
    status = Path("/proc/self/status")
    if status.is_file():
        # ru_maxrss would inherit the peak of the process that launched this one.
        peak = next(line for line in status.read_text(encoding="utf-8").splitlines() if line.startswith("VmHWM"))
        return int(peak.split()[1]) / 2**20
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20


def wait_for_device() -> None:
    """Wait until a GPU has done what it was told, once a step, so that the time of the step is that of its work."""
    torch = sys.modules.get("torch")
    if torch is not None and torch.cuda.is_available() and torch.cuda.is_initialized():
        torch.cuda.synchronize()


def finite_or_none(value: Any) -> float | None:
    """Return a number, or None where there is none or JSON could not express it."""
    if value is None:
        return None
    number = float(value)
    return number if math.isfinite(number) else None


def library_versions(names: Sequence[str]) -> dict[str, str]:
    """Return the installed versions of libraries; those that are not installed are left out."""
    found = {}
    for name in names:
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            continue
    return found


def tidy_config(path: Path, base_model_name: str) -> None:
    """Rewrite an adapter_config.json so that equal adapters have equal files; where there is none, do nothing.

    peft keeps the names of modules in a set and writes them in an order that changes from process to process.

    Args:
        path: of the file.
        base_model_name: what it names as the base, instead of a directory of this machine; "" leaves the directory.
    """
    if not path.is_file():
        return
    values = json.loads(path.read_text(encoding="utf-8"))
    for key in ("target_modules", "modules_to_save", "exclude_modules"):
        if isinstance(values.get(key), list):
            values[key] = sorted(values[key])
    if base_model_name:
        values["base_model_name_or_path"] = base_model_name
    path.write_text(json.dumps(values, indent=2, sort_keys=True) + "\n", encoding="utf-8")
