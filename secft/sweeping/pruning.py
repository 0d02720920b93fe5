"""Stopping a job of a search early, by its validation losses so far."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from optuna.trial import Trial

from secft.config.schemas.sweep import SweepConfig
from secft.sweeping.objective import is_minimised
from secft.sweeping.study import open_study, quiet
from secft.train.progress import StepProgress
from secft.train.watching import StoppedByWatcher, watching


@contextmanager
def pruning(path: Path, number: int, config: SweepConfig) -> Iterator[None]:
    """Report the validation losses of the trainings in this context, and end the one that lags behind.

    Args:
        path: journal of the search.
        number: of the job.
        config: which pruner.
    """
    if config.pruner == "none":
        yield
        return
    with quiet():
        study = open_study(path, config)
        frozen = study.get_trials(deepcopy=False)[number]
        with watching(watcher(Trial(study, frozen._trial_id), set(frozen.intermediate_values), is_minimised(config))):
            yield


def watcher(trial: Trial, reported: set[int], minimised: bool) -> Callable[[StepProgress], None]:
    """Return what looks at a job's rows.

    Args:
        trial: the job.
        reported: steps whose losses are recorded already, by an attempt that was interrupted.
        minimised: small values of the objective are good; losses are turned around where they are not, because the
            study compares them in the direction of its objective.
    """

    def look(progress: StepProgress) -> None:
        if progress.eval_loss is None or progress.step in reported:
            return
        reported.add(progress.step)
        trial.report(progress.eval_loss if minimised else -progress.eval_loss, progress.step)
        if trial.should_prune():
            told = f"validation loss {progress.eval_loss:.4f} at step {progress.step} of {progress.total_steps}"
            raise StoppedByWatcher(f"{told} lags behind the other jobs of the sweep")

    return look
