"""A command line, checked as a whole before anything heavy is imported."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from secft.config.compose import MISSING, compose_job, compose_sweep, open_key_overrides
from secft.config.roots import PathsConfig, Root
from secft.config.schemas.sweep import sweep_problems
from secft.errors import Problem

HYDRA_FLAGS = ("--cfg", "-c", "--info", "-i", "--hydra-help", "--shell-completion", "-sc")
VALUED_FLAGS = ("--cfg", "-c", "--info", "-i", "--package", "-p", "--shell-completion", "-sc")
SIMPLE_FLAGS = ("--multirun", "-m", "--resolve", "--hydra-help")


@dataclass(frozen=True)
class CommandLine:
    """What a command line says.

    Attributes:
        configs: the typed configuration of every job that could be composed.
        problems: everything that is wrong with the command line.
        arguments: flags and overrides for Hydra.
        multirun: the overrides span several jobs.
        shows_only: nothing is run; the configuration is shown.
    """

    configs: tuple[Any, ...]
    problems: tuple[Problem, ...]
    arguments: list[str]
    multirun: bool
    shows_only: bool


def read_command_line(flags: Sequence[str], overrides: Sequence[str], root: Root[Any]) -> CommandLine:
    """Compose every job of a command line and collect all problems of all jobs.

    Args:
        flags: of Hydra.
        overrides: of the command's configuration.
        root: of that configuration.
    """
    problems: list[Problem] = []
    multirun = "--multirun" in flags or "-m" in flags
    jobs = compose_sweep(overrides, root) if multirun else [compose_job(overrides, root)]
    for job in jobs:
        problems += [problem for problem in job.problems if problem not in problems]
    problems += sweep_problems(overrides, multirun=multirun)
    if not multirun:
        problems += _swept_without_multirun(overrides)
    shows_only = any(flag.partition("=")[0] in HYDRA_FLAGS for flag in flags)
    if shows_only:  # a configuration that still lacks a value can be looked at
        problems = [problem for problem in problems if problem.code != MISSING]
        if multirun:
            problems.append(
                Problem("--multirun", "spans several jobs; a configuration is shown of one", remedy="Leave out -m.")
            )
    return CommandLine(
        configs=tuple(job.config for job in jobs if job.config is not None),
        problems=tuple(problems),
        arguments=[*flags, *open_key_overrides(overrides)],
        multirun=multirun,
        shows_only=shows_only,
    )


def swept_outputs(arguments: Sequence[str]) -> str:
    """Return paths.outputs as the command line says it."""
    named = [text.partition("=")[2] for text in arguments if text.startswith("paths.outputs=")]
    return named[-1] if named else PathsConfig().outputs


def split(arguments: Sequence[str]) -> tuple[list[str], list[str], list[str]]:
    """Return the flags of Hydra, the overrides, and the rest: words and flags of the command."""
    flags: list[str] = []
    overrides: list[str] = []
    words: list[str] = []
    rest = list(arguments)
    while rest:
        argument = rest.pop(0)
        if argument.partition("=")[0] in VALUED_FLAGS:
            flags.append(argument)
            if "=" not in argument and rest:
                flags.append(rest.pop(0))
        elif argument in SIMPLE_FLAGS:
            flags.append(argument)
        elif argument[:1] == "~" or ("=" in argument and argument[0] not in "-./="):
            overrides.append(argument)
        else:
            words.append(argument)
    return flags, overrides, words


def _swept_without_multirun(overrides: Sequence[str]) -> list[Problem]:
    from hydra.core.override_parser.overrides_parser import OverridesParser
    from hydra.errors import HydraException

    parser = OverridesParser.create()
    found = []
    for text in overrides:
        try:
            swept = parser.parse_override(text).is_sweep_override()
        except HydraException:
            continue  # told by compose_job already
        if swept:
            key = text.partition("=")[0]
            found.append(
                Problem(key, "has several values", text.partition("=")[2], remedy="Add -m to sweep over them.")
            )
    return found
