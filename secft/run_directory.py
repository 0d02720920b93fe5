"""outputs/<run-id>/: everything of one run where a person looks for it.

The stages' artifacts live in the cache, shared by all runs; this directory gets copies of what people read, the
resolved configuration, and run.json, the record of what was done.
"""

from __future__ import annotations

import datetime
import shutil
from pathlib import Path
from typing import Any

import yaml
from filelock import FileLock, Timeout

from secft import __version__
from secft.artifact import Artifact
from secft.config.run import RunConfig
from secft.environment import environment
from secft.errors import LockedError
from secft.files import plain, storage_errors, write_json, write_text
from secft.stage import StageResult

SHOWN = {
    "dataset": ("dataset_report.html",),
    "train": ("metrics.jsonl", "engine.log", "tensorboard"),
    "evaluate": ("eval", "results.json", "samples.jsonl"),
    "gates": ("gates.json",),
    "papers": ("MODEL_CARD.md", "EVIDENCE_*.md", "report.html"),
}
"""stage -> files and directories of its artifact that are copied into the run's directory."""


class RunDirectory:
    """The directory of one run, locked while the run writes to it."""

    def __init__(self, config: RunConfig, name: str, command: str) -> None:
        self.config = config
        self.name = name
        self.command = command
        self.path = Path(config.paths.outputs) / name
        self.record: dict[str, Any] = {}
        with storage_errors(self.path):
            self.path.mkdir(parents=True, exist_ok=True)
            self._lock = FileLock(self.path / ".lock")

    def open(self) -> None:
        """Take the lock and write what is known before the first stage.

        Raises:
            LockedError: another process is running the same experiment.
            StorageError: the place cannot be written.
        """
        with storage_errors(self.path):
            try:
                self._lock.acquire(timeout=0.2)
            except Timeout:
                raise LockedError(f"{self.path}: the same run is going on in another process.") from None
        self.record = {
            "format": 1,
            "run": self.name,
            "command": self.command,
            "status": "running",
            "secft": __version__,
            "started": _now(),
            "environment": environment(),
            "stages": [],
        }
        settings = yaml.safe_dump(plain(self.config), sort_keys=False, allow_unicode=True)
        write_text(self.path / "config.yaml", f"# {self.command}\n{settings}")
        self._save()

    def close(self) -> None:
        """Give the lock back."""
        self._lock.release()

    def show(self, result: StageResult) -> None:
        """Record a finished stage and copy what people read of it."""
        self.record["stages"].append(
            {
                "stage": result.stage,
                "fingerprint": result.artifact.manifest["fingerprint"],
                "digest": result.artifact.digest,
                "artifact": str(result.artifact.path),
                "reused": result.reused,
                "seconds": round(result.seconds, 3),
            }
        )
        warnings = result.artifact.summary.get("warnings")
        if warnings:
            self.record["warnings"] = [*self.record.get("warnings", []), *warnings]
        self._copy(result.stage, result.artifact)
        self._save()

    def finish(self, status: str, **facts: Any) -> None:
        """Record how the run ended.

        Args:
            status: ``passed``, ``failed``, ``inconclusive``, ``interrupted`` or ``error``.
            **facts: more to record: verdict, registered path, error message.
        """
        self.record.update({"status": status, "ended": _now(), **facts})
        self._save()

    def _copy(self, stage: str, artifact: Artifact) -> None:
        with storage_errors(self.path):
            for pattern in SHOWN.get(stage, ()):
                sources = sorted(artifact.path.glob(pattern))
                for old in set(self.path.glob(pattern)) - {self.path / source.name for source in sources}:
                    old.unlink()  # a paper of an earlier attempt with another time in its name
                for source in sources:
                    self._copy_one(source, self.path / source.name)

    def _copy_one(self, source: Path, target: Path) -> None:
        if not source.is_dir():
            shutil.copy2(source, target)
            return
        shutil.rmtree(target, ignore_errors=True)
        target.mkdir()
        for child in sorted(source.iterdir()):  # one by one: copytree would hide why a copy failed
            self._copy_one(child, target / child.name)

    def _save(self) -> None:
        write_json(self.path / "run.json", self.record)


def _now() -> str:
    return datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds")
