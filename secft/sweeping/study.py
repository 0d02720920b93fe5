"""What a search has tried: a file of its own, from which a stopped search goes on as if it had not been stopped.

What is chosen next depends on the seed, the number of the job and the outcomes so far, and on nothing else.
"""

from __future__ import annotations

import hashlib
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import optuna
from optuna.storages import JournalStorage
from optuna.storages.journal import JournalFileBackend
from optuna.trial import Trial, TrialState

from secft.config.schemas.sweep import SweepConfig
from secft.documents.run_outcome import RunOutcome
from secft.sweeping.objective import is_minimised

NAME = "secft"
GATES = "gates"
SHORTFALL = {"passed": 0.0, "inconclusive": 1.0}
"""How far a job is from passing its gates; anything else is 2."""


@contextmanager
def quiet() -> Iterator[None]:
    """Keep Optuna's announcements about itself away from people who wait for a training."""
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", optuna.exceptions.ExperimentalWarning)
        warnings.simplefilter("ignore", FutureWarning)
        yield


def open_study(path: Path, config: SweepConfig) -> optuna.Study:
    """Open the study of a sweep, new or as it was left.

    Args:
        path: its journal; several processes may write to it.
        config: what is best, and how jobs are pruned.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    return optuna.create_study(
        study_name=NAME,
        storage=JournalStorage(JournalFileBackend(str(path))),
        direction="minimize" if is_minimised(config) else "maximize",
        pruner=_pruner(config),
        load_if_exists=True,
    )


def _pruner(config: SweepConfig) -> optuna.pruners.BasePruner:
    if config.pruner == "median":
        # Optuna begins to prune at the step it is told, not after it.
        return optuna.pruners.MedianPruner(n_startup_trials=config.prune_startup, n_warmup_steps=config.prune_after + 1)
    if config.pruner == "halving":
        return optuna.pruners.SuccessiveHalvingPruner(min_resource=max(config.prune_after, 1))
    return optuna.pruners.NopPruner()


def ask(study: optuna.Study, config: SweepConfig, axes: dict[str, Any], seed: int) -> Trial:
    """Choose the next job."""
    study.sampler = _sampler(config, _seed(seed, len(study.get_trials(deepcopy=False))))
    return study.ask(axes)


def _seed(seed: int, number: int) -> int:
    """Return a seed for one job: a sampler that starts anew must not repeat its first draws."""
    return int.from_bytes(hashlib.sha256(f"{seed}:{number}".encode()).digest()[:4], "big")


def _sampler(config: SweepConfig, seed: int) -> optuna.samplers.BaseSampler:
    if config.sampler == "random":
        return optuna.samplers.RandomSampler(seed=seed)
    return optuna.samplers.TPESampler(seed=seed, n_startup_trials=config.startup)


def unfinished(study: optuna.Study) -> list[Trial]:
    """Return the jobs that were chosen and did not end, in order; a stopped search begins with them."""
    states = (TrialState.RUNNING, TrialState.WAITING)
    return [Trial(study, trial._trial_id) for trial in study.get_trials(deepcopy=False, states=states)]


def tell(study: optuna.Study, trial: Trial, outcome: RunOutcome) -> None:
    """Record the end of a job.

    Args:
        study: of the sweep.
        trial: the job.
        outcome: how it ended.
    """
    status, value = outcome.status, outcome.objective.get("value")
    if status == "pruned":
        study.tell(trial, state=TrialState.PRUNED)
    elif status == "error" or value is None:
        study.tell(trial, state=TrialState.FAIL)
    else:
        trial.set_constraint(GATES, SHORTFALL.get(status, 2.0))
        study.tell(trial, float(value))
