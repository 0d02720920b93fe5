"""outputs/<run-id>/: everything of one run where a person looks for it.

The stages' artifacts live in the cache, shared by all runs; this directory gets copies of what people read, the
resolved configuration, the reports, and run.json, the record of what was done.
"""

from __future__ import annotations

import datetime
import re
import shutil
from collections.abc import Callable, Collection, Mapping
from pathlib import Path
from typing import Any

import yaml
from filelock import FileLock, Timeout

from secft import __version__
from secft.artifact import Artifact
from secft.documents.document import as_json
from secft.documents.run_record import RUN_RECORD, ReportsRecord, RunRecord, StageRecord, read_run_record
from secft.environment import environment
from secft.errors import LockedError
from secft.files import digest, plain, sha256_file, storage_errors, write_json, write_text
from secft.log import warn
from secft.redaction import without_credentials
from secft.stage import StageResult, lasting

SHOWN = {
    "dataset": ("dataset_report.html",),
    "train": ("metrics.jsonl", "engine.log", "tensorboard"),
    "evaluate": ("eval", "results.json", "samples.jsonl"),
    "gates": ("gates.json",),
}
"""stage -> files and directories of its artifact that are copied into the run's directory."""


def experiment_of(config: Any) -> str:
    """Return the digest of the settings that decide about the results of a run: not its name, nor who reads of it."""
    settings = lasting(config)
    return digest({key: value for key, value in settings.items() if key not in ("name", "evidence", "tracker")})


class RunDirectory:
    """The directory of one run, locked while the run writes to it.

    Attributes:
        name: of the run.
        path: the directory.
        record: what was done so far.
    """

    def __init__(self, outputs: Path, name: str) -> None:
        self.name = name
        self.path = outputs / name
        with storage_errors(self.path):
            self.path.mkdir(parents=True, exist_ok=True)
            self._lock = FileLock(self.path / ".lock")

    def open(self, config: Any, command: str, *, waits: bool = False) -> None:
        """Take the lock and write what is known before the first stage.

        Args:
            config: the whole configuration, kept as config.yaml.
            command: what the user typed.
            waits: for another process that runs the same experiment, which is a job of the same sweep.

        Raises:
            LockedError: another process is running the same experiment.
            StorageError: the place cannot be written.
        """
        with storage_errors(self.path):
            try:
                self._lock.acquire(timeout=-1 if waits else 0.2)
            except Timeout:
                raise LockedError(f"{self.path}: the same run is going on in another process.") from None
        before = read_run_record(self.path)
        self.record = RunRecord(
            run=self.name,
            command=command,
            status="running",
            secft=__version__,
            started=_now(),
            environment=environment(),
            experiment=experiment_of(config),
            reports=before.reports if before else None,
        )
        settings = without_credentials(yaml.safe_dump(plain(config), sort_keys=False, allow_unicode=True))
        write_text(self.path / "config.yaml", f"# {command}\n{settings}")
        self._save()

    def close(self) -> None:
        """Give the lock back."""
        self._lock.release()

    def show(self, result: StageResult) -> None:
        """Record a finished stage and copy what people read of it; one that was made again replaces the first."""
        self.record.stages = [other for other in self.record.stages if other.stage != result.stage]
        self.record.stages.append(
            StageRecord(
                stage=result.stage,
                fingerprint=result.artifact.manifest["fingerprint"],
                digest=result.artifact.digest,
                artifact=str(result.artifact.path),
                reused=result.reused,
                seconds=round(result.seconds, 3),
            )
        )
        warnings = result.artifact.summary.get("warnings") or []
        self.record.warnings += [text for text in warnings if text not in self.record.warnings]
        self._copy(result.stage, result.artifact)
        self._save()

    def write_reports(self, identity: str, write: Callable[[], Mapping[str, str]]) -> bool:
        """Write the reports of the run, unless those that stand there tell the same already.

        Args:
            identity: digest of all that they tell.
            write: returns file name -> text.

        A report that a reader changed since is theirs: it is kept beside the new one, under ``<name>.edited<suffix>``.

        Returns:
            Whether they were written.
        """
        old = self.record.reports
        if old and old.identity == identity and all((self.path / name).is_file() for name in old.files):
            return False
        texts = write()
        for name, text in texts.items():
            self._keep_edited(name, text, old)
            write_text(self.path / name, text)
        if old:
            self._remove_outdated(old, texts)
        digests = {name: sha256_file(self.path / name) for name in sorted(texts)}
        self.record.reports = ReportsRecord(identity, sorted(texts), digests)
        self._save()
        return True

    def finish(self, status: str, **facts: str) -> None:
        """Record how the run ended.

        Args:
            status: see RunRecord.
            **facts: fields of the record that are known now: verdict, registered, error.
        """
        self.record.status, self.record.ended = status, _now()
        for name, value in facts.items():
            setattr(self.record, name, value)
        self._save()

    def _keep_edited(self, name: str, text: str, old: ReportsRecord | None) -> None:
        """Move a report aside that is neither what was written nor what is about to be."""
        path = self.path / name
        if not path.is_file() or path.read_bytes() == text.encode():
            return
        if old and old.digests.get(name) == sha256_file(path):
            return
        number, stem = 1, f"{path.stem}.edited"
        while (self.path / f"{stem}{path.suffix}").exists():
            number, stem = number + 1, f"{path.stem}.edited-{number + 1}"
        with storage_errors(path):
            path.rename(self.path / f"{stem}{path.suffix}")
        warn(f"{path} was changed by a reader; it is kept as {stem}{path.suffix}, beside the new one")

    def _remove_outdated(self, old: ReportsRecord, names: Collection[str]) -> None:
        """Remove reports of an earlier attempt, with another time in their names; what a reader changed stays."""
        titles = {_untimed(name) for name in names}
        for name, written in old.digests.items():
            path = self.path / name
            outdated = name not in names and _untimed(name) in titles and path.is_file()
            if outdated and sha256_file(path) == written:
                path.unlink()

    def _copy(self, stage: str, artifact: Artifact) -> None:
        with storage_errors(self.path):
            for pattern in SHOWN.get(stage, ()):
                for source in sorted(artifact.path.glob(pattern)):
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
        write_json(self.path / RUN_RECORD, as_json(self.record))


def _untimed(name: str) -> str:
    """Return a report's file name without its time: reports with equal ones tell of the same iteration."""
    return re.sub(r"_\d{8}-\d{4}(?=\.)", "", name)


def _now() -> str:
    return datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds")
