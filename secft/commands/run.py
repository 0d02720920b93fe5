"""The run command: check everything, run the stages, write the reports, register what passed, say where things are."""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path

from secft.artifact import Artifact, ArtifactStore
from secft.base import download_base_model
from secft.command import Command, Verb
from secft.config.base_model import described
from secft.config.command_line import CommandLine
from secft.config.roots import RUN, RunConfig
from secft.dataset import collect
from secft.documents.results import RESULTS, read_results
from secft.documents.run_outcome import RunOutcome
from secft.errors import ConfigError, GateFailedError, Interrupted, stopping, told, warnings_of
from secft.files import digest
from secft.log import RunLog, warn
from secft.pipelines import Pipeline, pipeline_of
from secft.planning.checks import BEFORE_TRAINING, inspect
from secft.planning.machine import ABSENT
from secft.planning.situation import Situation, settled
from secft.run_directory import RunDirectory
from secft.stage import Inputs, StageResult, lasting, run_stages
from secft.stages.dataset import DATASET
from secft.stages.reporting import ReportSettings, register_model
from secft.train.checks import machine_of
from secft.train.watching import StoppedByWatcher

REPORTS_VERSION = 2
"""Raised when the reports would tell something else of the same run."""
DATA_GROUPS = ("source", "synthesis", "curation", "dataset")
"""Groups without which no dataset can be made: what is wrong there is told without a plan."""


def run(config: RunConfig, command: str, opened: Callable[[RunDirectory], None] = lambda _: None) -> RunOutcome:
    """Run one experiment from its sources to a registered model.

    Args:
        config: the whole configuration.
        command: what the user typed, for the reports.
        opened: is told the directory of the run as soon as it is open.

    Returns:
        How it ended; the exit code is 0, or 3 where the gates did not pass and nothing was registered.

    Raises:
        ConfigError: something is wrong with the configuration or this machine; nothing was started.
        SecftError: a stage failed; earlier ones stay finished.
    """
    pipeline = pipeline_of(config)
    found = pipeline.problems(config)
    if found and not config.dry_run and all(problem.code == ABSENT for problem in found):
        download_base_model(config.model)  # nothing else is wrong
        config = replace(config, model=described(config.model))  # its files say what it is, and how large
        found = pipeline.problems(config)
    if config.dry_run:
        if any(problem.key.split(".")[0] in DATA_GROUPS for problem in pipeline.problems(config, machine=False)):
            raise ConfigError(found)  # no data can be made, so there is nothing to plan with
        startable = pipeline.plan(config, found)
        return RunOutcome("planned", 0 if startable else ConfigError.exit_code)
    if found:
        raise ConfigError(found)
    config, decided = settled(config)
    collect.refresh(config.source)  # before anything is named after its content
    directory = RunDirectory(Path(config.paths.outputs), pipeline.run_name(config))
    directory.open(config, command, waits=in_sweep())
    opened(directory)
    log = RunLog(directory.path / "run.log")
    try:
        log.say(f"run {directory.name} in {directory.path}, hardware {machine_of(config.hardware).summary}")
        for text in decided:
            log.say(text)
        return _run_and_register(config, pipeline, directory, log)
    finally:
        log.close()
        directory.close()


def in_sweep() -> bool:
    """Tell whether this run is a job of a multirun: another job with the same settings is waited for."""
    from hydra.core.hydra_config import HydraConfig
    from hydra.types import RunMode

    return HydraConfig.initialized() and HydraConfig.get().mode == RunMode.MULTIRUN


def _run_and_register(config: RunConfig, pipeline: Pipeline, directory: RunDirectory, log: RunLog) -> RunOutcome:
    start = time.monotonic()

    def on_stage(result: StageResult) -> None:
        directory.show(result)
        if result.stage in pipeline.publish:
            place = pipeline.publish[result.stage](config, result.artifact)
            directory.record.dataset = str(place)
            log.say(f"    dataset {place}")

    def before(stage: str, inputs: Inputs) -> list[str]:
        if stage != "train" or "dataset" not in inputs:
            return []
        found = inspect(pipeline.checks, Situation(config, inputs["dataset"].path / DATASET), BEFORE_TRAINING)
        if stopping(found):
            raise ConfigError(stopping(found))
        for text in warnings_of(found):
            warn(text)
        return warnings_of(found)

    try:
        store = ArtifactStore(Path(config.paths.cache) / "stages")
        artifacts = run_stages(pipeline.stages(config), config, store, log, on_stage, before)
        _write_reports(config, pipeline, artifacts, directory, log)
        outcome = _conclude(config, pipeline, artifacts, directory, log)
    except (Interrupted, KeyboardInterrupt):
        directory.finish("interrupted")
        raise Interrupted("The run was interrupted; the same command continues it.") from None
    except StoppedByWatcher as stopped:
        directory.finish("pruned", error=str(stopped))
        raise
    except Exception as error:
        directory.finish("error", error=told(error))
        log.note(f"error: {told(error)}")
        raise
    log.say(f"done in {time.monotonic() - start:.1f} s: {directory.path / pipeline.first}")
    return outcome


def _write_reports(
    config: RunConfig, pipeline: Pipeline, artifacts: dict[str, Artifact], directory: RunDirectory, log: RunLog
) -> None:
    """Write what people read, whatever the gates say; reports that tell the same already stay as they are."""
    made = {name: artifact.manifest["fingerprint"] for name, artifact in artifacts.items()}
    identity = digest({"version": REPORTS_VERSION, "config": lasting(config), "stages": made})
    written = directory.write_reports(
        identity, lambda: pipeline.reports(ReportSettings.of(config), artifacts, directory.record)
    )
    if written and directory.record.reports:
        log.say(f"reports: {', '.join(directory.record.reports.files)}")


def _conclude(
    config: RunConfig, pipeline: Pipeline, artifacts: dict[str, Artifact], directory: RunDirectory, log: RunLog
) -> RunOutcome:
    """Register a candidate that passed; say why another one is not registered."""
    verdict = artifacts["gates"].summary["verdict"]
    card, models = directory.path / pipeline.card, Path(config.paths.models)
    outcome = RunOutcome(
        status={"fail": "failed"}.get(verdict, verdict),
        exit_code=GateFailedError.exit_code,
        run=directory.name,
        directory=str(directory.path),
        verdict=verdict,
        results=read_results(artifacts["evaluate"].path / RESULTS),
        validation_loss=artifacts["train"].summary.get("best_validation_loss"),
    )
    if verdict == "pass":
        text, origin = card.read_text(encoding="utf-8"), pipeline.origin(ReportSettings.of(config), artifacts)
        place = register_model(artifacts, text, models, config.backend.name, directory.name, origin)
        log.say(f"gates passed; registered {place}", "green")
        directory.finish("passed", verdict=verdict, registered=str(place))
        return replace(outcome, status="passed", exit_code=0, registered=str(place))
    log.say(f"the gates say {verdict}: nothing was registered; {card} tells why", "bold red")
    directory.finish(outcome.status, verdict=verdict)
    return outcome


def _call(config: RunConfig, arguments: argparse.Namespace) -> int:
    return run(config, arguments.shown).exit_code


def _help(commands: Mapping[str, str]) -> str:
    from secft.config.help import help_text

    return help_text(RUN.name, commands)


def _sweep(line: CommandLine, shown: str) -> int:
    from secft.sweep import run_sweep

    return run_sweep(line, shown, run)


COMMAND = Command(
    name="run",
    about="sources to a gated, carded adapter (the default)",
    root=RUN,
    verbs={
        "": Verb("run one experiment", _call, problems=lambda config: pipeline_of(config).problems(config)),
    },
    help=_help,
    sweep=_sweep,
)
