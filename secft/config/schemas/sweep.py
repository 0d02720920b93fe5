"""What a sweep looks for, and how it chooses what to try (conf/hydra/sweeper/optuna.yaml)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from secft.config.setting import setting
from secft.environment import install_command
from secft.errors import Problem, did_you_mean

SWEEPERS = {"basic": "", "optuna": "sweep"}
LAUNCHERS = {
    "basic": "",
    "joblib": "sweep",
    "submitit_local": "slurm",
    "submitit_slurm": "slurm",
    "secft_ray": "ray",
}
"""option -> the extra that it needs. Hydra's plugins bring the options themselves."""
MODULES = {
    "optuna": "optuna",
    "joblib": "hydra_plugins.hydra_joblib_launcher",
    "submitit_local": "hydra_plugins.hydra_submitit_launcher",
    "submitit_slurm": "hydra_plugins.hydra_submitit_launcher",
    "secft_ray": "ray",
}


@dataclass
class SweepConfig:
    """How the jobs of a multirun are compared, and what a search among them does.

    Jobs that pass their gates always rank above jobs that do not, whatever the metric says.
    """

    metric: str = setting(
        "gain",
        about="What is best: gain (mean gain of the target tasks), validation_loss, or task.metric of the evaluation.",
    )
    direction: str = setting(
        "auto", about="auto: losses and perplexities small, the rest large.", choices=("auto", "minimize", "maximize")
    )
    trials: int = setting(20, about="Jobs of a search; more continue the same one.", low=1)
    parallel: int = setting(1, about="Jobs that are chosen, and given to the launcher, at a time.", low=1)
    sampler: str = setting("tpe", about="How a search chooses: by what was good so far (tpe), or random.",
                           choices=("tpe", "random"))  # fmt: skip
    startup: int = setting(6, about="Jobs chosen at random before tpe begins.", low=1)
    pruner: str = setting("median", about="Which jobs are stopped early by their validation loss.",
                          choices=("median", "halving", "none"))  # fmt: skip
    prune_after: int = setting(0, about="Optimiser steps that every job may do.", low=0)
    prune_startup: int = setting(3, about="Finished jobs before any other is stopped early.", low=1)


def sweep_problems(overrides: Sequence[str], *, multirun: bool) -> list[Problem]:
    """Return what is wrong with the sweeper and the launcher of a command line."""
    sweeper = _option(overrides, "hydra/sweeper")
    launcher = _option(overrides, "hydra/launcher")
    found = _problems_of("hydra/sweeper", sweeper, SWEEPERS) + _problems_of("hydra/launcher", launcher, LAUNCHERS)
    intervals = [text for text in overrides if "interval(" in text and not text.startswith("hydra")]
    if intervals and multirun and sweeper != "optuna":
        key, _, value = intervals[0].partition("=")
        remedy = "Add hydra/sweeper=optuna, or name the values."
        found.append(Problem(key, "has no values to go through one by one", value, remedy=remedy))
    if sweeper == "optuna" and not multirun:
        found.append(Problem("hydra/sweeper", "searches among several jobs", sweeper, remedy="Add -m."))
    return found


def _option(overrides: Sequence[str], group: str) -> str:
    said = [text.partition("=")[2] for text in overrides if text.startswith(f"{group}=")]
    return said[-1] if said else "basic"


def _problems_of(group: str, name: str, known: dict[str, str]) -> list[Problem]:
    if name not in known:
        return [Problem(group, "is not an option", name, ", ".join(known), did_you_mean(name, known))]
    if not known[name] or _is_installed(MODULES[name]):
        return []
    return [Problem(group, "needs a package that is not installed", name, remedy=install_command(known[name]))]


def _is_installed(module: str) -> bool:
    try:
        return find_spec(module) is not None
    except ModuleNotFoundError:  # the namespace package itself is missing
        return False


def is_searching(hydra: Any) -> bool:
    """Tell whether Hydra's own configuration says that jobs are chosen by a search."""
    return str(hydra.sweeper.get("_target_", "")).endswith("OptunaSweeper")


def study_file(sweep_directory: str) -> Path:
    """Return where a search keeps what it has tried."""
    return Path(sweep_directory) / "study.journal"
