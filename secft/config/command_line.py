"""A command line, checked as a whole before anything heavy is imported."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from typing import Any

from omegaconf import DictConfig

from secft.config.compose import (
    MISSING,
    Composed,
    compose_job,
    compose_sweep,
    compose_tree,
    of_hydra,
    open_key_overrides,
)
from secft.config.flags import HydraFlags, given_folders, hydra_problems, split
from secft.config.given import given_root
from secft.config.overrides import parse
from secft.config.places import looking_in
from secft.config.roots import Root
from secft.config.schemas.sweep import sweep_problems
from secft.config.unresolved import missing_files
from secft.errors import Problem, unique

__all__ = ["CommandLine", "read_command_line", "split"]


@dataclass(frozen=True)
class CommandLine:
    """What a command line says.

    Attributes:
        configs: the typed configuration of every job that could be composed.
        problems: everything that is wrong with the command line.
        arguments: flags and overrides for Hydra.
        flags: of Hydra.
        trees: the configuration of every job as Hydra has it.
        root: what was composed.
    """

    configs: tuple[Any, ...]
    problems: tuple[Problem, ...]
    arguments: list[str]
    flags: HydraFlags
    trees: tuple[DictConfig, ...]
    root: Root[Any]

    @property
    def multirun(self) -> bool:
        """The overrides span several jobs."""
        return "--multirun" in self.flags

    @property
    def shows_only(self) -> bool:
        """Nothing is run; something is shown."""
        return self.flags.shows_only


def read_command_line(
    words: Sequence[str], overrides: Sequence[str], root: Root[Any], stack: ExitStack | None = None
) -> CommandLine:
    """Compose every job of a command line and collect all problems of all jobs.

    Args:
        words: flags of Hydra, as they were typed.
        overrides: of the command's configuration.
        root: of that configuration.
        stack: keeps folders that the command line adds within reach until it is closed; without one they are forgotten
            when this returns.
    """
    flags = HydraFlags.read(words)
    folders, wrong_folders = given_folders(flags, overrides)
    with ExitStack() as own:
        (own if stack is None else stack).enter_context(looking_in(folders))
        root, wrong_file = _root(flags, overrides, root)
        return _read(flags, overrides, root, [*flags.problems, *wrong_folders, *wrong_file])


def _root(flags: HydraFlags, overrides: Sequence[str], root: Root[Any]) -> tuple[Root[Any], list[Problem]]:
    name = flags.values.get("--config-name")
    return given_root(root, name, overrides) if name else (root, [])


def _read(flags: HydraFlags, overrides: Sequence[str], root: Root[Any], problems: list[Problem]) -> CommandLine:
    multirun = "--multirun" in flags
    jobs = compose_sweep(overrides, root) if multirun else [compose_job(overrides, root)]
    problems = [*problems, *(problem for job in jobs for problem in job.problems)]
    problems += sweep_problems(overrides, multirun=multirun)
    problems += hydra_problems(overrides, multirun=multirun)
    if not multirun:
        problems += _swept_without_multirun(overrides)
    if flags.shows_only:  # a configuration that still lacks a value can be looked at
        problems = [problem for problem in problems if problem.code != MISSING]
    elif not problems:
        problems += _refused_by_hydra(overrides, root)
    else:
        problems += _missing_files(jobs)
    trees = tuple(job.tree for job in jobs if job.tree is not None)
    return CommandLine(
        configs=tuple(job.config for job in jobs if job.config is not None),
        problems=tuple(unique(problems)),
        arguments=[
            *flags.words(without=("--config-dir", "--config-name")),
            *open_key_overrides(overrides, next(iter(trees), None)),
        ],
        flags=flags,
        trees=trees,
        root=root,
    )


def _missing_files(jobs: Sequence[Composed]) -> list[Problem]:
    """Return files that are not there, where nothing else is checked since the command line is wrong anyway."""
    return [problem for job in jobs if job.config is not None and job.tree is not None
            for problem in missing_files(job.tree)]  # fmt: skip


def _refused_by_hydra(overrides: Sequence[str], root: Root[Any]) -> list[Problem]:
    """Return what Hydra says about its own settings, if any are given."""
    own = [text for text in overrides if of_hydra(text.lstrip("+~").partition("=")[0])]
    own = [text for text in own if not text.lstrip("+").startswith("hydra.searchpath")]
    if not own:
        return []
    try:
        compose_tree(own, root)
    except Exception as error:  # noqa: BLE001  # Hydra and its plugins raise what they like about a wrong setting
        told = next(iter(str(error).splitlines()), type(error).__name__)
        return [Problem(own[0].lstrip("+~").partition("=")[0], f"Hydra refuses it ({told.rstrip('.')})")]
    return []


def _swept_without_multirun(overrides: Sequence[str]) -> list[Problem]:
    swept = [one for one in parse(overrides)[0] if one.is_sweep_override() and not of_hydra(one.key_or_group)]
    texts = [str(one.input_line).lstrip("+").partition("=") for one in swept]
    return [Problem(key, "has several values", value, remedy="Add -m to sweep over them.") for key, _, value in texts]
