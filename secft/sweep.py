"""Multirun: each job writes its row, and when all are done the rows become a leaderboard.

Jobs meet through files, so that it does not matter whether a launcher runs them here one after the other or in
processes elsewhere.
"""

from __future__ import annotations

import json
import multiprocessing
import sys
import traceback
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import replace
from pathlib import Path
from typing import Any

import hydra
from hydra.core.hydra_config import HydraConfig
from hydra.experimental.callback import Callback
from hydra.types import RunMode
from omegaconf import DictConfig

from secft.config.command_line import CommandLine
from secft.config.compose import searchpath, to_typed
from secft.config.places import added, conf_directory, looking_in
from secft.config.roots import RUN
from secft.config.schemas.sweep import SweepConfig, is_searching, study_file
from secft.config.store import register_schemas
from secft.documents.document import as_json
from secft.documents.run_outcome import RunOutcome
from secft.errors import GateFailedError, InputError, Interrupted, SecftError, told
from secft.files import digest, read_json, write_json, write_text
from secft.log import complain
from secft.redaction import without_credentials
from secft.reports.leaderboard import leaderboard
from secft.run_directory import RunDirectory

JOBS = "jobs"
RunJob = Callable[[Any, str, Callable[[RunDirectory], None]], RunOutcome]
"""Runs one job: (configuration, what the user typed, what is told the run's directory once it is open) -> outcome."""

LONGER = ("sweep.trials=", "sweep.parallel=", "hydra/launcher=", "hydra.launcher.")
"""What makes no other sweep of a search: more jobs, or more at a time."""


def sweep_directory(overrides: Sequence[str], outputs: str) -> Path:
    """Return where a sweep keeps its jobs' rows and its leaderboard: the same sweep, the same place."""
    telling = sorted(text for text in overrides if not text.startswith(LONGER))
    return Path(outputs) / "sweeps" / f"sweep-{digest(telling)[:10]}"


def use_plain_processes() -> None:
    """Let this process start others as Python does: in joblib's workers they would ask for joblib's own way.

    A process started by ``spawn`` is told the default of its parent, and does not know of joblib's.
    """
    if multiprocessing.get_start_method(allow_none=True) not in (None, *multiprocessing.get_all_start_methods()):
        multiprocessing.set_start_method("spawn", force=True)


def watched(config: SweepConfig) -> AbstractContextManager[None]:
    """Return a context in which this job is stopped early where a search says so; elsewhere it does nothing."""
    settings = HydraConfig.get()
    if not is_searching(settings):
        return nullcontext()
    from secft.sweeping.pruning import pruning  # needs Optuna

    return pruning(study_file(settings.sweep.dir), settings.job.num, config)


def write_job_row(outcome: RunOutcome) -> None:
    """Keep the outcome of this job for the leaderboard; outside of a sweep nothing is written."""
    if not HydraConfig.initialized():
        return
    settings = HydraConfig.get()
    if settings.mode != RunMode.MULTIRUN:
        return
    overrides = [without_credentials(text) for text in settings.overrides.task]
    facts = {"job": settings.job.num, "overrides": overrides, **as_json(outcome)}
    write_json(Path(settings.sweep.dir) / JOBS / f"{settings.job.num:04d}.json", facts)


def read_rows(directory: Path) -> list[dict[str, Any]]:
    """Return the rows of a sweep's jobs in order."""
    return [read_json(path) for path in sorted((directory / JOBS).glob("*.json"))]


def differing(rows: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
    """Return the rows with only those overrides in which the jobs of a sweep differ."""
    shared = set(rows[0]["overrides"]).intersection(*(row["overrides"] for row in rows)) if len(rows) > 1 else set()
    return [{**row, "overrides": [text for text in row["overrides"] if text not in shared]} for row in rows]


def run_sweep(line: CommandLine, shown: str, run: RunJob) -> int:
    """Let Hydra start the jobs of a multirun, by its sweeper and its launcher.

    Args:
        line: what was asked for.
        shown: what the user typed, for the reports.
        run: runs one job.

    Returns:
        The exit code, see ``sweep_exit_code``.
    """
    register_schemas(line.root)
    directory = sweep_directory(line.arguments, line.configs[0].paths.outputs)
    folders = added()

    def job(config: Any) -> RunOutcome:
        with looking_in(folders):  # a launcher may run it in another process
            return _run_job(config, shown, run)

    sys.argv = ["secft", *line.arguments, *searchpath(), f"hydra.sweep.dir={json.dumps(str(directory))}"]
    hydra.main(config_path=str(conf_directory()), config_name=line.root.file, version_base="1.3")(job)()
    return sweep_exit_code(directory)


def _run_job(composed: Any, shown: str, run: RunJob) -> RunOutcome:
    """Run one job of a sweep; its failure is a row of the leaderboard, not the end of the other jobs."""
    from secft.sweeping.objective import objective
    from secft.train.watching import StoppedByWatcher

    use_plain_processes()
    config, opened = to_typed(composed, RUN), list[RunDirectory]()
    try:
        with watched(config.sweep):
            outcome = run(config, shown, opened.append)
        outcome = replace(outcome, objective=objective(config.sweep, outcome))
    except Interrupted:
        raise KeyboardInterrupt from None
    except StoppedByWatcher as stopped:
        complain(str(stopped))
        outcome = RunOutcome("pruned", GateFailedError.exit_code, error=str(stopped))
    except SecftError as error:
        complain(str(error))
        outcome = RunOutcome("error", error.exit_code, error=str(error))
    except Exception as error:  # noqa: BLE001  # whatever it is, the other jobs go on
        traceback.print_exc()
        outcome = RunOutcome("error", SecftError.exit_code, error=told(error))
    for directory in opened:
        outcome = replace(outcome, run=directory.name, directory=str(directory.path))
    write_job_row(outcome)
    return outcome


class LeaderboardCallback(Callback):
    """Writes leaderboard.md and leaderboard.json when a multirun ends."""

    def on_multirun_start(self, config: DictConfig, **kwargs: Any) -> None:
        """Forget the rows of an earlier run of the same sweep; a search goes on with them."""
        if is_searching(config.hydra):
            return
        for old in (Path(config.hydra.sweep.dir) / JOBS).glob("*.json"):
            old.unlink()

    def on_multirun_end(self, config: DictConfig, **kwargs: Any) -> None:
        """Write the leaderboard and show it."""
        directory = Path(config.hydra.sweep.dir)
        rows = read_rows(directory)
        if not rows:
            return
        markdown, table = leaderboard(differing(rows))
        write_text(directory / "leaderboard.md", markdown)
        write_json(directory / "leaderboard.json", table)
        print(markdown, file=sys.stdout, flush=True)
        print(f"Leaderboard: {directory / 'leaderboard.md'}", file=sys.stderr, flush=True)


def sweep_exit_code(directory: Path) -> int:
    """Return 0 if a job passed its gates, the first error's code if none did, 3 if all were measured and none passed.

    Raises:
        InputError: no job left a row.
    """
    rows = read_rows(directory)
    if not rows:
        raise InputError(f"{directory}: no job of the sweep ran.")
    codes = [int(row["exit_code"]) for row in rows]
    if 0 in codes:
        return 0
    return next((code for code in codes if code != 3), 3)
