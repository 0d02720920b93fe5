"""A command line, checked as a whole before anything heavy is imported."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from secft.config.compose import compose_job, compose_sweep, open_key_overrides
from secft.config.run import PathsConfig, RunConfig
from secft.config.sweep import sweep_problems
from secft.errors import Problem

HYDRA_FLAGS = ("--cfg", "-c", "--info", "-i", "--hydra-help", "--shell-completion", "-sc")
VALUED_FLAGS = ("--cfg", "-c", "--info", "-i", "--package", "-p")
SIMPLE_FLAGS = ("--multirun", "-m", "--resolve", "--hydra-help", "--shell-completion", "-sc")


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

    configs: tuple[RunConfig, ...]
    problems: tuple[Problem, ...]
    arguments: list[str]
    multirun: bool
    shows_only: bool


def read_command_line(arguments: Sequence[str]) -> CommandLine:
    """Compose every job of a command line and collect all problems of all jobs."""
    flags, overrides, problems = _split(arguments)
    multirun = "--multirun" in flags or "-m" in flags
    jobs = compose_sweep(overrides) if multirun else [compose_job(overrides)]
    for job in jobs:
        problems += [problem for problem in job.problems if problem not in problems]
    problems += sweep_problems(overrides, multirun=multirun)
    if not multirun:
        problems += _swept_without_multirun(overrides)
    shows_only = any(flag in HYDRA_FLAGS for flag in flags)
    if shows_only:  # a configuration that still lacks a value can be looked at
        problems = [problem for problem in problems if problem.reason != "must be given"]
    return CommandLine(
        configs=tuple(job.config for job in jobs if job.config is not None),
        problems=tuple(problems),
        arguments=[*flags, *open_key_overrides(overrides)],
        multirun=multirun,
        shows_only=shows_only,
    )


def swept_outputs(arguments: Sequence[str]) -> str:
    """Return paths.outputs as the command line says it."""
    said = [text.partition("=")[2] for text in arguments if text.startswith("paths.outputs=")]
    return said[-1] if said else PathsConfig().outputs


def _split(arguments: Sequence[str]) -> tuple[list[str], list[str], list[Problem]]:
    flags: list[str] = []
    overrides: list[str] = []
    problems: list[Problem] = []
    rest = list(arguments)
    while rest:
        argument = rest.pop(0)
        if not argument.startswith("-"):
            overrides.append(argument)
        elif argument.partition("=")[0] in VALUED_FLAGS:
            flags.append(argument)
            if "=" not in argument and rest:
                flags.append(rest.pop(0))
        elif argument in SIMPLE_FLAGS:
            flags.append(argument)
        else:
            known = ", ".join(sorted({*VALUED_FLAGS, *SIMPLE_FLAGS, "--help", "--version"}))
            problems.append(Problem(argument, "is no option of the command line", None, known))
    return flags, overrides, problems


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
