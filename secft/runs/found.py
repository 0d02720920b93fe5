"""Find the runs in a directory of outputs, and read what each left behind."""

from __future__ import annotations

import difflib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml
from filelock import FileLock, Timeout

from secft.documents.decision import GATES, Decision, read_decision
from secft.documents.results import RESULTS, EvaluationResults, read_results
from secft.documents.run_record import RUN_RECORD, RunRecord, read_run_record
from secft.errors import InputError, Problem

CONFIG = "config.yaml"
LOCK = ".lock"
SWEEPS = "sweeps"
STOPPED = "stopped"
"""Status of a run whose process is gone without a word: killed, or a power cut."""
UNREADABLE = "unreadable"


@dataclass(frozen=True)
class FoundRun:
    """One run, as its directory tells of it.

    Attributes:
        path: the directory.
        status: as in run.json; ``stopped`` where that says running and no process holds the run; ``unreadable``
            without a run.json that can be read.
        record: run.json, or None.
        settings: config.yaml, or empty.
        results: what was measured; None before that, or where it cannot be read.
        decision: of the gates; None before that, or where it cannot be read.
    """

    path: Path
    status: str
    record: RunRecord | None
    settings: Mapping[str, Any] = field(default_factory=dict)
    results: EvaluationResults | None = None
    decision: Decision | None = None

    @property
    def name(self) -> str:
        """The run's name, which is the directory's."""
        return self.path.name

    @property
    def started(self) -> str:
        """When, UTC; empty where nobody knows."""
        return self.record.started if self.record else ""

    @property
    def pipeline(self) -> str:
        """What kind of run it was."""
        return "pretraining" if self.option("backend") == "nanogpt" else "fine-tuning" if self.settings else ""

    def option(self, group: str) -> str:
        """Return which option of a group it ran with, or an empty string."""
        chosen = self.settings.get(group)
        return str(chosen.get("name", "")) if isinstance(chosen, Mapping) else ""

    @property
    def next_step(self) -> str:
        """What to do now: the command that continues it, or where to look."""
        record = self.record
        if record is None:
            return ""
        if self.status in (STOPPED, "interrupted", "error", "pruned"):
            return record.command
        if record.registered:
            return record.registered
        first = next((name for name in (record.reports.files if record.reports else ()) if name.endswith(".html")), "")
        return str(self.path / first) if first else ""


def is_running(path: Path) -> bool:
    """Tell whether a process holds a run's directory."""
    if not (path / LOCK).is_file():
        return False
    try:
        with FileLock(path / LOCK, timeout=0):
            return False
    except Timeout:
        return True
    except OSError:  # a place that cannot be written is held by nobody here
        return False


def find_runs(outputs: Path) -> list[FoundRun]:
    """Return all runs below a directory of outputs, newest first; what cannot be read is there, too."""
    if not outputs.is_dir():
        return []
    places = [path for path in outputs.iterdir() if path.is_dir() and not path.is_symlink() and path.name != SWEEPS]
    runs = [read_run(path) for path in places if (path / RUN_RECORD).exists() or (path / CONFIG).exists()]
    return sorted(runs, key=lambda run: (run.started, run.name), reverse=True)


def read_run(path: Path) -> FoundRun:
    """Read one run's directory."""
    record = read_run_record(path)
    status = record.status if record else UNREADABLE
    if status == "running" and not is_running(path):
        status = STOPPED
    results = decision = None
    try:
        results = read_results(path / RESULTS) if (path / RESULTS).is_file() else None
        decision = read_decision(path / GATES) if (path / GATES).is_file() else None
    except InputError:
        pass  # what is damaged is shown as not measured; the run itself makes it anew
    return FoundRun(path, status, record, _settings(path / CONFIG), results, decision)


def _settings(path: Path) -> Mapping[str, Any]:
    try:
        found = yaml.safe_load(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, yaml.YAMLError):
        return {}
    return found if isinstance(found, dict) else {}


def named(name: str, runs: Sequence[FoundRun], outputs: Path, *, whole: bool = False) -> FoundRun:
    """Return the run of a name, of a part of it that only one has, or ``latest``.

    Args:
        name: as the user wrote it; the run's directory is taken, too.
        runs: that there are, newest first.
        outputs: where they lie, for the error.
        whole: a part of a name is not enough.

    Raises:
        InputError: there is none, or there are several.
    """
    wanted = name.strip().rstrip("/")
    if wanted == "latest" and runs and not whole:
        return runs[0]
    exact = [run for run in runs if wanted in (run.name, str(run.path))]
    near = exact or [run for run in runs if wanted and wanted in run.name and not whole]
    if len(near) == 1:
        return near[0]
    if near:
        names = ", ".join(run.name for run in near[:8])
        raise InputError(str(Problem(name, f"is a part of {len(near)} names", None, names)))
    known = [run.name for run in runs]
    parts = [run_name for run_name in known if wanted and wanted in run_name]
    guess = next(iter([*parts, *difflib.get_close_matches(wanted, known, n=1)]), None)
    reason = f"there is no such run in {outputs} (paths.outputs)"
    raise InputError(str(Problem(name, reason, None, ", ".join(known[:8]), guess)))
