"""Remove runs: what goes, what is kept, and why."""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from secft.files import sha256_file, storage_errors
from secft.runs.found import FoundRun, is_running


@dataclass(frozen=True)
class Removal:
    """What removing a run would do.

    Attributes:
        run: the run.
        bytes: of its directory.
        kept: why it is not removed; empty where it may be.
    """

    run: FoundRun
    bytes: int
    kept: str


def plan_removal(runs: Sequence[FoundRun], models: Path, *, edited: bool) -> list[Removal]:
    """Return what would go. Artifacts of stages and registered models lie elsewhere, and stay.

    Args:
        runs: that are to go.
        models: the registry.
        edited: runs whose papers people changed may go, too.
    """
    return [Removal(run, _size(run.path), _kept(run, models, edited=edited)) for run in runs]


def remove(removal: Removal) -> None:
    """Remove a run's directory.

    Raises:
        StorageError: it cannot be removed.
    """
    assert not removal.kept
    with storage_errors(removal.run.path):
        shutil.rmtree(removal.run.path)


def registered_as(run: FoundRun, models: Path) -> str:
    """Return the registered model that a run made, or an empty string."""
    entries = [path.parent for path in models.glob(f"*/{run.name}/registration.json")] if models.is_dir() else []
    if entries:
        return str(entries[0])
    recorded = run.record.registered if run.record else None
    return recorded if recorded and Path(recorded).is_dir() else ""


def changed_papers(run: FoundRun) -> list[str]:
    """Return the reports that people changed after they were written: their ticks, comments and notes."""
    reports = run.record.reports if run.record else None
    written = reports.digests if reports else {}
    return [name for name, digest in written.items() if _differs(run.path / name, digest)]


def _differs(path: Path, digest: str) -> bool:
    return path.is_file() and sha256_file(path) != digest


def _kept(run: FoundRun, models: Path, *, edited: bool) -> str:
    if is_running(run.path):
        return "it is running"
    registered = registered_as(run, models)
    if registered:
        return f"its model is registered ({registered}), and its evidence belongs to that"
    changed = changed_papers(run)
    if changed and not edited:
        return f"people wrote into {', '.join(changed)}; --edited removes it all the same"
    return ""


def _size(directory: Path) -> int:
    return sum(path.lstat().st_size for path in directory.rglob("*") if path.is_file() and not path.is_symlink())
