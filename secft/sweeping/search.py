"""A multirun whose jobs are chosen one after the other, or a few at a time."""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence
from itertools import pairwise
from typing import Any, Protocol

from omegaconf import DictConfig
from optuna.trial import Trial

from secft.config.compose import to_typed
from secft.config.roots import RUN, RunConfig
from secft.config.schemas.sweep import study_file
from secft.errors import ConfigError, Problem
from secft.sweeping.space import Space, read_space
from secft.sweeping.study import ask, open_study, quiet, tell, unfinished


class Launches(Protocol):
    """The part of Hydra's launchers that is used here."""

    def launch(self, job_overrides: Sequence[Sequence[str]], initial_job_idx: int) -> Sequence[Any]:
        """Run jobs and return what came of each."""


def search(
    arguments: Sequence[str], directory: str, composed: Callable[[list[str]], DictConfig], launcher: Launches
) -> list[Any]:
    """Try jobs until there are as many as ``sweep.trials`` says, those of earlier calls included.

    Args:
        arguments: overrides, some of them with several values or an interval.
        directory: of the sweep.
        composed: composes the configuration of fixed overrides.
        launcher: runs jobs.

    Returns:
        What the launcher returned for the jobs of this call.

    Raises:
        ConfigError: the overrides are nothing that can be searched.
    """
    space = read_space(arguments)
    fixed = composed(space.fixed)
    space, config = space.fitted(fixed), to_typed(fixed, RUN)
    _check_metric(config)
    returned: list[Any] = []
    with quiet():
        study = open_study(study_file(directory), config.sweep)
        while True:
            waiting = unfinished(study)
            count = len(study.get_trials(deepcopy=False))
            wanted = min(config.sweep.parallel - len(waiting), config.sweep.trials - count)
            batch = [*waiting, *(ask(study, config.sweep, dict(space.axes), config.seed) for _ in range(wanted))]
            if not batch:
                break
            for group in consecutive(batch):
                results = launcher.launch([_overrides(space, trial) for trial in group], group[0].number)
                for trial, result in zip(group, results, strict=True):
                    tell(study, trial, result.return_value)
                returned += results
    print(f"sweep: {count} jobs in {study_file(directory)}", file=sys.stderr, flush=True)
    return returned


def _check_metric(config: RunConfig) -> None:
    """Refuse a metric that no job could have.

    Raises:
        ConfigError: the metric is none of the evaluation.
    """
    task, dot, _ = config.sweep.metric.rpartition(".")
    known = ["gain", "validation_loss", *(f"{name}.<metric>" for name in config.eval.tasks)]
    if (task if dot else config.sweep.metric) not in ("gain", "validation_loss", *(config.eval.tasks if dot else ())):
        raise ConfigError([Problem("sweep.metric", "is not measured", config.sweep.metric, ", ".join(known))])


def _overrides(space: Space, trial: Trial) -> list[str]:
    # A job that was chosen by an earlier call has its values already; suggesting them again returns these.
    chosen = {key: trial._suggest(key, axis) for key, axis in space.axes.items()}
    return space.overrides(chosen)


def consecutive(trials: Sequence[Trial]) -> list[list[Trial]]:
    """Group jobs with consecutive numbers: a launcher numbers its jobs from the first one on."""
    groups: list[list[Trial]] = [[trials[0]]]
    for before, trial in pairwise(trials):
        if trial.number == before.number + 1:
            groups[-1].append(trial)
        else:
            groups.append([trial])
    return groups
