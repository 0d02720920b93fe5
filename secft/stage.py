"""The contract of a stage, and the rule that skips it.

Fingerprint = SHA-256 of the canonical JSON of (stage, version, settings, input digests, external digests, seed).
A stage whose fingerprint has a finished artifact is not run again, in any run or sweep.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, fields, is_dataclass
from functools import partial
from pathlib import Path
from typing import Any, Generic, TypeVar

from secft.artifact import Artifact, ArtifactStore
from secft.config.roots import RunConfig
from secft.errors import SecftError, StorageError
from secft.files import digest, plain, storage_errors
from secft.log import RunLog

Inputs = Mapping[str, Artifact]
S = TypeVar("S")
INTERNAL = {"internal": True}
"""Metadata of a field of a stage's settings that changes no result: where things lie, on what they run."""


@dataclass(frozen=True)
class Stage(Generic[S]):
    """One step of a run.

    Its work is given the stage's own settings and nothing else, so that it cannot read what its fingerprint does not
    cover.

    Attributes:
        name: what it makes.
        version: raised when its code would make something else of the same inputs.
        needs: stages whose artifacts it reads.
        settings: takes the part of the configuration that it depends on.
        work: does it: (settings, inputs, directory) -> summary; fills the directory.
        external: digests of what it reads from outside: label -> SHA-256.
        volatile: patterns of files that do not belong to its digest (logs, timings).
        resumable: an interrupted attempt's directory is kept for the next one.
        intermediate: only later stages read what it makes, and its files are read and compared when one of them has
            work to do; of any other stage they are in every run, because reports and the registry take them, too.
    """

    name: str
    version: int
    needs: tuple[str, ...]
    settings: Callable[[RunConfig], S]
    work: Callable[[S, Inputs, Path], dict[str, Any]]
    external: Callable[[S], dict[str, str]] = lambda settings: {}
    volatile: tuple[str, ...] = ()
    resumable: bool = False
    intermediate: bool = False


class DamagedInputError(SecftError):
    """An artifact that a stage was about to read is not what was written."""

    def __init__(self, artifact: Artifact) -> None:
        super().__init__(f"{artifact.path} is damaged; it is made again by the same command.")
        self.artifact = artifact


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


def stage_facts(stage: Stage[S], settings: S, inputs: Inputs, seed: int) -> dict[str, Any]:
    """Return everything that a stage's result depends on, with the fingerprint of it."""
    facts = {
        "stage": stage.name,
        "version": stage.version,
        "settings": lasting(settings),
        "inputs": {name: inputs[name].digest for name in stage.needs},
        "external": stage.external(settings),
        "seed": seed,
    }
    return {**facts, "fingerprint": digest(facts)}


def run_stage(
    stage: Stage[S],
    config: RunConfig,
    inputs: Inputs,
    store: ArtifactStore,
    on_wait: Callable[[], None] = lambda: None,
    before: Callable[[], list[str]] = list,
) -> StageResult:
    """Return a stage's artifact: the one that exists, or a new one.

    Args:
        stage: what to make.
        config: of the run.
        inputs: finished artifacts of earlier stages.
        store: where artifacts stand.
        on_wait: called once if another process is making it.
        before: called before the work begins, if there is any to do; returns warnings that belong to the result.

    Raises:
        DamagedInputError: an input has work to be done with and is not what its manifest says.
        SecftError: what the stage's work raises; nothing half-written is left where artifacts stand.
    """
    start = time.monotonic()
    settings = stage.settings(config)
    facts = stage_facts(stage, settings, inputs, config.seed)
    fingerprint = facts["fingerprint"]
    content = not stage.intermediate
    found = store.find(stage.name, fingerprint, content=content)
    if found:
        return StageResult(stage.name, found, True, time.monotonic() - start)
    with store.lock(stage.name, fingerprint, on_wait):
        # Somebody may have finished it while we waited.
        found = store.find(stage.name, fingerprint, content=content)
        if found:
            return StageResult(stage.name, found, True, time.monotonic() - start)
        for name in stage.needs:
            if not store.check(inputs[name]):
                raise DamagedInputError(inputs[name])
        warnings = before()
        directory = store.workplace(stage.name, fingerprint, keep=stage.resumable)
        summary = stage.work(settings, inputs, directory)
        warnings += summary.get("warnings", [])
        seconds = round(time.monotonic() - start, 3)
        report = {**summary, "seconds": seconds, **({"warnings": warnings} if warnings else {})}
        artifact = store.finish(directory, facts, report, stage.volatile)
    return StageResult(stage.name, artifact, False, seconds)


def run_stages(
    stages: Sequence[Stage[Any]],
    config: RunConfig,
    store: ArtifactStore,
    log: RunLog,
    on_stage: Callable[[StageResult], None] = lambda result: None,
    before: Callable[[str, Inputs], list[str]] = lambda stage, inputs: [],
) -> dict[str, Artifact]:
    """Run every stage in order, skipping those whose artifact exists.

    Args:
        stages: what to do.
        config: of the run.
        store: where artifacts stand.
        log: where progress is shown.
        on_stage: called after each stage.
        before: (stage, finished artifacts) -> warnings; called before the work of a stage begins.

    A damaged artifact is made again, and with it what was made of it, unless the new one is the same.

    Returns:
        Stage -> artifact.

    Raises:
        StorageError: an artifact that was made again is damaged at once.
        SecftError: the first thing that goes wrong; earlier stages stay finished.
    """
    made_again: set[Path] = set()
    while True:
        try:
            return _run_each(stages, config, store, log, on_stage, before)
        except DamagedInputError as damaged:
            place = damaged.artifact.path
            if place in made_again:
                raise StorageError(
                    f"{place}: what was written there twice is read back as something else. Check the disk and the "
                    "memory of this machine, or choose another place (paths.cache)."
                ) from damaged
            # Told by the store. What was made of it meanwhile is found again if the new one is the same.
            made_again.add(place)
            store.discard(damaged.artifact)


def _run_each(
    stages: Sequence[Stage[Any]],
    config: RunConfig,
    store: ArtifactStore,
    log: RunLog,
    on_stage: Callable[[StageResult], None],
    before: Callable[[str, Inputs], list[str]],
) -> dict[str, Artifact]:
    artifacts: dict[str, Artifact] = {}
    for number, stage in enumerate(stages, start=1):
        title = f"{number}/{len(stages)} {stage.name}"
        waiting = partial(log.say, f"{title}: another run is making this; waiting for it")
        with storage_errors(store.root):
            result = run_stage(stage, config, artifacts, store, waiting, partial(before, stage.name, artifacts))
        artifacts[stage.name] = result.artifact
        how = "reused" if result.reused else f"{result.seconds:.1f} s"
        headline = result.artifact.summary.get("headline", "")
        log.say(f"{title}: {headline} ({how})" if headline else f"{title}: {how}")
        on_stage(result)
    return artifacts
