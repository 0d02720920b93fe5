"""Searches and launchers: what is chosen, what is stopped early, what goes on after a stop, what ranks first."""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("optuna")

from omegaconf import OmegaConf

from secft.config.command_line import read_command_line, split
from secft.config.compose import read_config
from secft.config.roots import RUN
from secft.config.schemas.sweep import SweepConfig
from secft.documents.results import results_from_json
from secft.documents.run_outcome import RunOutcome
from secft.errors import ConfigError
from secft.reports.leaderboard import leaderboard
from secft.sweeping.objective import objective
from secft.sweeping.pruning import pruning
from secft.sweeping.search import search
from secft.sweeping.space import read_space
from secft.sweeping.study import ask, open_study, tell
from secft.train.progress import StepProgress
from secft.train.watching import StoppedByWatcher, show_watchers
from tests.pipeline.test_run import SMALL, only, secft

SPACE = ["trainer.learning_rate=tag(log,interval(1e-6,1e-1))", "trainer.lora.r=4,8,16", "seed=3"]
BEST_RATE = 1e-3


@dataclass
class Returned:
    return_value: dict[str, Any]


class Measured:
    """A launcher whose jobs are a formula: the loss grows with the distance from the best learning rate.

    Jobs of rank 16 are the best by far and never pass their gates.
    """

    def __init__(self, dies_at: int | None = None) -> None:
        self.jobs: dict[int, list[str]] = {}
        self.dies_at = dies_at

    def launch(self, job_overrides: Sequence[Sequence[str]], initial_job_idx: int) -> list[Returned]:
        returned = []
        for number, overrides in enumerate(job_overrides, start=initial_job_idx):
            if number == self.dies_at:
                raise KeyboardInterrupt
            self.jobs[number] = list(overrides)
            said = dict(text.split("=", 1) for text in overrides)
            loss = 1 + abs(math.log10(float(said["trainer.learning_rate"]) / BEST_RATE))
            passes = said["trainer.lora.r"] != "16"
            value = loss if passes else loss / 10
            row = {"metric": "validation_loss", "direction": "minimize", "value": value}
            returned.append(Returned(RunOutcome("passed" if passes else "failed", 0 if passes else 3, objective=row)))
        return returned


def composed(extra: Sequence[str] = ()) -> Any:
    return lambda fixed: OmegaConf.structured(read_config([*fixed, "sweep.metric=validation_loss", *extra]))


def test_a_stopped_search_goes_on_as_if_it_had_not_been_stopped(tmp_path: Path) -> None:
    whole, first, second, longer = Measured(), Measured(dies_at=7), Measured(), Measured()
    search(SPACE, str(tmp_path / "whole"), composed(["sweep.trials=12"]), whole)
    with pytest.raises(KeyboardInterrupt):
        search(SPACE, str(tmp_path / "parts"), composed(["sweep.trials=12"]), first)
    search(SPACE, str(tmp_path / "parts"), composed(["sweep.trials=12"]), second)
    assert sorted(second.jobs) == list(range(7, 12)), "the job that was interrupted is done again, under its number"
    assert {**first.jobs, **second.jobs} == whole.jobs
    assert len({tuple(job) for job in whole.jobs.values()}) == 12, "no draw is repeated"
    search(SPACE, str(tmp_path / "parts"), composed(["sweep.trials=14"]), longer)
    assert sorted(longer.jobs) == [12, 13]
    search(SPACE, str(tmp_path / "parts"), composed(["sweep.trials=14"]), done := Measured())
    assert not done.jobs


def test_a_search_comes_closer_and_does_not_follow_jobs_that_fail_their_gates(tmp_path: Path) -> None:
    launcher = Measured()
    search(SPACE, str(tmp_path), composed(["sweep.trials=40"]), launcher)
    said = [dict(text.split("=", 1) for text in launcher.jobs[number]) for number in range(40)]
    far = [abs(math.log10(float(job["trainer.learning_rate"]) / BEST_RATE)) for job in said]
    ranks = [job["trainer.lora.r"] for job in said[20:]]
    assert sum(far[30:]) < 0.6 * sum(far[:10])
    assert ranks.count("16") < 7, "ranks drawn by chance would be 16 in a third of twenty jobs"


def test_several_jobs_at_a_time_get_consecutive_numbers(tmp_path: Path) -> None:
    launcher = Measured()
    search(SPACE, str(tmp_path), composed(["sweep.trials=7", "sweep.parallel=3"]), launcher)
    assert sorted(launcher.jobs) == list(range(7))


def test_hydra_syntax_is_the_space() -> None:
    more = ["trainer.max_length=interval(128,512)", "trainer.epochs=interval(1,3)", "source=[cwe],[attack]"]
    space = read_space([*SPACE, *more, "trainer.lora.alpha=range(8,33,8)"])
    space = space.fitted(composed()(space.fixed))
    assert space.fixed == ["seed=3"]
    kinds = {key: type(axis).__name__ for key, axis in space.axes.items()}
    assert kinds["trainer.learning_rate"] == "FloatDistribution"
    assert kinds["trainer.epochs"] == "FloatDistribution"
    assert kinds["trainer.max_length"] == "IntDistribution", "a setting of whole numbers"
    assert space.axes["trainer.learning_rate"].log  # type: ignore[attr-defined]
    assert space.axes["trainer.lora.alpha"].choices == ("8", "16", "24", "32")  # type: ignore[attr-defined]
    assert space.axes["source"].choices == ("[cwe]", "[attack]")  # type: ignore[attr-defined]
    chosen = {"trainer.learning_rate": 1e-05, "trainer.lora.r": "8", "trainer.epochs": 1.5}
    chosen |= {"trainer.max_length": 256, "source": "[cwe]", "trainer.lora.alpha": "16"}
    assert read_config(space.overrides(chosen)).trainer.learning_rate == 1e-5
    for bad in ("seed=tag(log,interval(0,3))", "seed=interval(3,3)", "seed=1"):
        with pytest.raises(ConfigError, match=r"seed|nothing to search"):
            read_space([bad])


def test_the_command_line_is_checked_before_anything_runs() -> None:
    def said(*arguments: str) -> str:
        flags, overrides, _ = split(arguments)
        return " ".join(str(problem) for problem in read_command_line(flags, overrides, RUN).problems)

    assert "Add hydra/sweeper=optuna" in said("-m", "trainer.learning_rate=interval(1e-5,1e-4)")
    assert "Did you mean 'optuna'" in said("-m", "hydra/sweeper=optunna", "seed=1,2")
    assert "Did you mean 'joblib'" in said("-m", "hydra/launcher=jobli", "seed=1,2")
    assert "Add -m" in said("hydra/sweeper=optuna")
    assert "sweep.pruner" in said("-m", "sweep.pruner=sometimes", "seed=1,2")
    assert not said("-m", "hydra/sweeper=optuna", "trainer.learning_rate=tag(log,interval(1e-5,1e-4))")
    assert "trainer.learning_rat" in said("-m", "hydra/sweeper=optuna", "trainer.learning_rat=interval(1,2)")


def test_a_job_that_lags_behind_is_stopped_and_one_that_leads_is_not(tmp_path: Path) -> None:
    config = SweepConfig(metric="gain", prune_startup=2, prune_after=1)
    path = tmp_path / "study.journal"
    axes = read_space(SPACE).axes
    study = open_study(path, config)

    def job(losses: list[float]) -> str:
        trial = ask(study, config, axes, seed=1)
        try:
            with pruning(path, trial.number, config):
                for step, loss in enumerate(losses, start=1):
                    show_watchers(StepProgress(step, len(losses), None, loss, 0.0, 0.0))
        except StoppedByWatcher:
            tell(study, trial, RunOutcome("pruned", 3))
            return "pruned"
        tell(study, trial, RunOutcome("failed", 3, objective={"value": -losses[-1]}))
        return "finished"

    assert [job([3.0, 2.0, 1.0]), job([3.0, 2.1, 1.1])] == ["finished", "finished"]
    assert job([4.0, 3.0, 2.5]) == "pruned"
    assert job([9.0, 1.0, 0.5]) == "finished", "nothing is stopped before prune_after"
    states = [trial.state.name for trial in open_study(path, config).get_trials()]
    assert states == ["COMPLETE", "COMPLETE", "PRUNED", "COMPLETE"]


def test_gates_rank_before_the_metric_and_every_outcome_is_shown() -> None:
    def row(job: int, status: str, value: float | None, error: str = "") -> dict[str, Any]:
        found = {"metric": "validation_loss", "direction": "minimize", "value": value}
        return {"job": job, "overrides": [f"seed={job}"], "status": status, "error": error, "objective": found}

    rows = [row(0, "failed", 0.1), row(1, "error", None, "no room"), row(2, "pruned", None, "lags behind"),
            row(3, "passed", 2.0), row(4, "inconclusive", 0.2), row(5, "passed", 1.5)]  # fmt: skip
    text, table = leaderboard(rows)
    assert [job["job"] for job in table["jobs"]] == [5, 3, 4, 0, 2, 1]
    for said in (
        "`validation_loss`",
        "| 1.5 |",
        "gates inconclusive",
        "gates failed",
        "pruned: lags behind",
        "no room",
    ):
        assert said in text


def measured(value: float) -> dict[str, float]:
    return {"value": value, "low": value, "high": value}


def test_objectives_are_read_from_results() -> None:
    results = {
        "tasks": {
            "security_mcq": {
                "items": 9,
                "metrics": {
                    "accuracy": {"base": measured(0.4), "candidate": measured(0.5), "difference": measured(0.1)}
                },
            }
        }
    }
    outcome = RunOutcome("failed", 3, results=results_from_json(results), validation_loss=1.25)
    assert objective(SweepConfig(), outcome)["value"] == pytest.approx(0.1)
    assert objective(SweepConfig(metric="security_mcq.accuracy"), outcome)["value"] == 0.5
    loss = objective(SweepConfig(metric="validation_loss"), outcome)
    assert (loss["value"], loss["direction"]) == (1.25, "minimize")
    assert objective(SweepConfig(metric="refusal.accuracy"), outcome)["value"] is None


def test_an_unknown_metric_ends_with_2(tmp_path: Path) -> None:
    done = secft(tmp_path, "-m", "hydra/sweeper=optuna", "seed=1,2", "sweep.metric=accuracy")
    assert done.returncode == 2
    assert "sweep.metric = 'accuracy': is not measured" in done.stderr
    assert "Traceback" not in done.stderr


SEARCH = (
    *(text for text in SMALL if not text.startswith(("trainer.max_steps", "trainer.eval_steps"))),
    "trainer.max_steps=4",
    "trainer.eval_steps=1",
    "hydra/sweeper=optuna",
    "sweep.metric=validation_loss",
    "sweep.prune_startup=1",
    "sweep.sampler=random",
    "trainer.learning_rate=5e-2,1e-7,2e-7,3e-7",
    # By this seed the rate that learns is drawn first, so there is something to fall behind.
    "seed=1",
)


@pytest.mark.slow
def test_a_search_prunes_real_trainings_and_goes_on_with_more(
    small_data: Callable[[Path], None], tmp_path: Path
) -> None:
    small_data(tmp_path)
    first = secft(tmp_path, "-m", *SEARCH, "sweep.trials=3", timeout=600)
    assert first.returncode == 3, first.stderr
    sweep = only(tmp_path / "outputs" / "sweeps")
    table = json.loads((sweep / "leaderboard.json").read_text())["jobs"]
    assert len(table) == 3
    more = secft(tmp_path, "-m", *SEARCH, "sweep.trials=5", timeout=600)
    assert more.returncode == 3, more.stderr
    table = json.loads((sweep / "leaderboard.json").read_text())["jobs"]
    assert sorted(job["job"] for job in table) == [0, 1, 2, 3, 4]
    said = {job["job"]: next(text for text in job["overrides"] if "learning_rate" in text) for job in table}
    rates = {number: float(text.partition("=")[2]) for number, text in said.items()}
    assert rates[0] == 5e-2
    assert rates[table[0]["job"]] == 5e-2, "the job that learns ranks first"
    slow_ones = {job["job"]: job["status"] for job in table if rates[job["job"]] < 1e-6}
    assert slow_ones
    assert set(slow_ones.values()) == {"pruned"}
    records = [json.loads(path.read_text()) for path in (tmp_path / "outputs").glob("*/run.json")]
    assert "pruned" in {record["status"] for record in records}


@pytest.mark.slow
def test_two_jobs_at_once_share_their_data(tmp_path: Path) -> None:
    pytest.importorskip("hydra_plugins.hydra_joblib_launcher")
    launcher = ("hydra/launcher=joblib", "hydra.launcher.n_jobs=2")
    done = secft(tmp_path, "-m", *SMALL, *launcher, "trainer.lora.r=2,4", timeout=600)
    assert done.returncode == 3, done.stderr
    sweep = only(tmp_path / "outputs" / "sweeps")
    rows = [json.loads(path.read_text()) for path in sorted((sweep / "jobs").glob("*.json"))]
    assert [row["exit_code"] for row in rows] == [3, 3]
    assert len({row["run"] for row in rows}) == 2
    assert "another run is making this; waiting for it" in done.stderr
    for stage in ("documents", "examples", "dataset"):
        assert len([p for p in (tmp_path / ".secft" / "stages" / stage).iterdir() if p.name[0] != "."]) == 1
