"""The contract of a stage, and the rule that skips it.

Fingerprint = SHA-256 of the canonical JSON of (stage, version, settings, input digests, external digests, seed).
A stage whose fingerprint has a finished artifact is not run again, in any run or sweep.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, fields, is_dataclass
from pathlib import Path
from typing import Any

from secft.artifact import Artifact, ArtifactStore
from secft.config.run import RunConfig
from secft.files import digest, plain

Inputs = Mapping[str, Artifact]
Work = Callable[[RunConfig, Inputs, Path], dict[str, Any]]


@dataclass(frozen=True)
class Stage:
    """One step of a run.

    Attributes:
        name: what it makes.
        version: raised when its code would make something else of the same inputs.
        needs: stages whose artifacts it reads.
        settings: the part of the configuration that it depends on.
        work: does it: (config, inputs, directory) -> summary; fills the directory.
        external: digests of what it reads from outside: label -> SHA-256.
        volatile: patterns of files that do not belong to its digest (logs, timings).
        resumable: an interrupted attempt's directory is kept for the next one.
    """

    name: str
    version: int
    needs: tuple[str, ...]
    settings: Callable[[RunConfig], Any]
    work: Work
    external: Callable[[RunConfig], dict[str, str]] = lambda config: {}
    volatile: tuple[str, ...] = ()
    resumable: bool = False


@dataclass(frozen=True)
class StageResult:
    """What came of one stage in one run."""

    stage: str
    artifact: Artifact
    reused: bool
    seconds: float


def lasting(settings: Any) -> Any:
    """Return settings as plain values without the ones that change no result (``internal``)."""
    if is_dataclass(settings) and not isinstance(settings, type):
        kept = [item for item in fields(settings) if not item.metadata.get("internal")]
        return {item.name: lasting(getattr(settings, item.name)) for item in kept}
    if isinstance(settings, dict):
        return {key: lasting(value) for key, value in settings.items()}
    return plain(settings)


def stage_facts(stage: Stage, config: RunConfig, inputs: Inputs) -> dict[str, Any]:
    """Return everything that a stage's result depends on, with the fingerprint of it."""
    facts = {
        "stage": stage.name,
        "version": stage.version,
        "settings": lasting(stage.settings(config)),
        "inputs": {name: inputs[name].digest for name in stage.needs},
        "external": stage.external(config),
        "seed": config.seed,
    }
    return {**facts, "fingerprint": digest(facts)}


def run_stage(
    stage: Stage, config: RunConfig, inputs: Inputs, store: ArtifactStore, on_wait: Callable[[], None]
) -> StageResult:
    """Return a stage's artifact: the one that exists, or a new one.

    Raises:
        SecftError: what the stage's work raises; nothing half-written is left where artifacts stand.
    """
    start = time.monotonic()
    facts = stage_facts(stage, config, inputs)
    fingerprint = facts["fingerprint"]
    found = store.find(stage.name, fingerprint)
    if found:
        return StageResult(stage.name, found, True, time.monotonic() - start)
    with store.lock(stage.name, fingerprint, on_wait):
        found = store.find(stage.name, fingerprint)  # somebody may have finished it while we waited
        if found:
            return StageResult(stage.name, found, True, time.monotonic() - start)
        directory = store.workplace(stage.name, fingerprint, keep=stage.resumable)
        summary = stage.work(config, inputs, directory)
        seconds = round(time.monotonic() - start, 3)
        artifact = store.finish(directory, facts, {**summary, "seconds": seconds}, stage.volatile)
    return StageResult(stage.name, artifact, False, seconds)
