"""The run command: check everything, run the stages, register what passed, say where things are."""

from __future__ import annotations

import time
from typing import Any

from secft.config.run import RunConfig
from secft.dataset import collect
from secft.errors import ConfigError, GateFailedError, Interrupted, Problem, SecftError
from secft.log import RunLog
from secft.pipeline import Progress, run_stages
from secft.plan import print_plan
from secft.preflight import config_problems, machine_problems
from secft.run_directory import RunDirectory
from secft.stage import StageResult
from secft.train.checks import machine_of
from secft.train.watching import StoppedByWatcher
from secft.work.data import publish_dataset
from secft.work.naming import run_name
from secft.work.papers import register_candidate
from secft.work.pretraining import is_pretraining, plan_lines, publish_corpus, register_pretrained

DATA_GROUPS = ("source", "synthesis", "curation", "dataset")
"""Groups without which no dataset can be made: what is wrong there is told without a plan."""


def run(config: RunConfig, command: str) -> dict[str, Any]:
    """Run one experiment from its sources to a registered adapter.

    Args:
        config: the whole configuration.
        command: what the user typed, for the papers.

    Returns:
        What a leaderboard wants to know: run, status, exit code (0, or 3 where the gates did not pass and nothing
        was registered), directory, registered path, results, what training told.

    Raises:
        ConfigError: something is wrong with the configuration or this machine; nothing was started.
        SecftError: a stage failed; earlier ones stay finished.
    """
    problems = config_problems(config)
    if config.dry_run:
        return _dry_run(config, problems)
    problems += machine_problems(config)
    if problems:
        raise ConfigError(problems)
    collect.refresh(config.source)  # before anything is named after its content
    directory = RunDirectory(config, run_name(config), command)
    directory.open()
    log = RunLog(directory.path / "run.log")
    try:
        log.say(f"run {directory.name} in {directory.path}, hardware {machine_of(config.hardware).told}")
        return _run_and_register(config, directory, log)
    finally:
        log.close()
        directory.close()


def _dry_run(config: RunConfig, problems: list[Problem]) -> dict[str, Any]:
    if problems and is_pretraining(config):
        raise ConfigError(problems)
    lacking = [*problems, *machine_problems(config)]
    if any(problem.key.split(".")[0] in DATA_GROUPS for problem in problems):
        raise ConfigError(lacking)  # no data can be made, so there is nothing to plan with
    startable = not lacking
    if is_pretraining(config):
        print("\n".join([*plan_lines(config), *(f"lacking: {problem}" for problem in lacking)]))
    else:
        startable = print_plan(config, lacking)
    return {"status": "planned", "exit_code": 0 if startable else ConfigError.exit_code}


def _run_and_register(config: RunConfig, directory: RunDirectory, log: RunLog) -> dict[str, Any]:
    start = time.monotonic()
    try:
        progress = run_stages(config, log, lambda result: _on_stage(config, directory, log, result))
        outcome = _conclude(config, progress, directory, log)
    except (Interrupted, KeyboardInterrupt):
        directory.finish("interrupted")
        raise Interrupted("The run was interrupted; the same command continues it.") from None
    except StoppedByWatcher as stopped:
        directory.finish("pruned", error=str(stopped))
        raise
    except SecftError as error:
        directory.finish("error", error=str(error))
        log.note(f"error: {error}")
        raise
    paper = "MODEL_CARD.md" if is_pretraining(config) else "report.html"
    log.say(f"done in {time.monotonic() - start:.1f} s: {directory.path / paper}")
    return outcome


def _on_stage(config: RunConfig, directory: RunDirectory, log: RunLog, result: StageResult) -> None:
    directory.show(result)
    publish = {"dataset": publish_dataset, "corpus": publish_corpus}.get(result.stage)
    if publish is not None:
        place = publish(config, result.artifact)
        directory.record["dataset"] = str(place)
        log.say(f"    dataset {place}")


def _conclude(config: RunConfig, progress: Progress, directory: RunDirectory, log: RunLog) -> dict[str, Any]:
    """Register a candidate that passed; say why another one is not registered."""
    verdict = progress.artifacts["gates"].summary["verdict"]
    outcome = {
        "run": directory.name,
        "directory": str(directory.path),
        "verdict": verdict,
        "results": progress.artifacts["evaluate"].summary["results"],
        "training": progress.artifacts["train"].summary,
    }
    if verdict == "pass":
        register = register_pretrained if is_pretraining(config) else register_candidate
        place = register(config, progress.artifacts, directory.name)
        log.say(f"gates passed; registered {place}", "green")
        directory.finish("passed", verdict=verdict, registered=str(place))
        return {**outcome, "status": "passed", "exit_code": 0, "registered": str(place)}
    status = {"fail": "failed"}.get(verdict, verdict)
    card = directory.path / "MODEL_CARD.md"
    log.say(f"the gates say {verdict}: nothing was registered; {card} tells why", "bold red")
    directory.finish(status, verdict=verdict)
    return {**outcome, "status": status, "exit_code": GateFailedError.exit_code}
