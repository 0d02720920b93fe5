"""run.json: what one run did, stage by stage, and how it ended."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from secft.documents.document import from_json
from secft.errors import InputError
from secft.files import read_json

FORMAT = 1
RUN_RECORD = "run.json"


@dataclass
class StageRecord:
    """One finished stage of a run.

    Attributes:
        stage: its name.
        fingerprint: of everything that it depends on.
        digest: of what it made.
        artifact: where that lies.
        reused: it had been made before.
        seconds: that it took in this run.
    """

    stage: str
    fingerprint: str
    digest: str
    artifact: str
    reused: bool
    seconds: float


@dataclass
class ReportsRecord:
    """The reports of a run.

    Attributes:
        identity: digest of all that they tell.
        files: their names in the run's directory.
        digests: name -> SHA-256 of what was written; empty in records of earlier versions.
    """

    identity: str
    files: list[str]
    digests: Mapping[str, str] = field(default_factory=dict)


@dataclass
class RunRecord:
    """One run; the record grows while the run goes on.

    Attributes:
        run: its name.
        command: what the user typed.
        status: ``running``, ``passed``, ``failed``, ``inconclusive``, ``interrupted``, ``pruned`` or ``error``.
        secft: version of this package.
        started: when, UTC.
        environment: secft.environment.environment().
        experiment: digest of the settings that decide about results; empty in records of earlier versions.
        stages: what is finished.
        warnings: what stages warned of.
        reports: what people read, once it is written.
        dataset: where the dataset or the corpus was published.
        verdict: of the gates.
        registered: where the model was registered.
        error: the message that ended the run.
        ended: when, UTC.
        format: of this document.
    """

    run: str
    command: str
    status: str
    secft: str
    started: str
    environment: Mapping[str, Any] = field(default_factory=dict)
    experiment: str = ""
    stages: list[StageRecord] = field(default_factory=list)
    warnings: list[str] = field(default_factory=list)
    reports: ReportsRecord | None = None
    dataset: str | None = None
    verdict: str | None = None
    registered: str | None = None
    error: str | None = None
    ended: str | None = None
    format: int = FORMAT


def read_run_record(directory: Path) -> RunRecord | None:
    """Read run.json of a run's directory, or None where there is none that can be read."""
    path = directory / RUN_RECORD
    try:
        return from_json(RunRecord, read_json(path), str(path)) if path.is_file() else None
    except InputError:
        return None
