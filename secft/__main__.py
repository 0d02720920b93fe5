"""``python -m secft [command] [overrides]``: the command table, the checks before anything heavy, the exit codes."""

from __future__ import annotations

import shlex
import signal
import sys
import warnings
from collections.abc import Callable
from dataclasses import dataclass
from types import FrameType
from typing import TYPE_CHECKING, Any

from secft import __version__
from secft.errors import ConfigError, GateFailedError, Interrupted, Problem, SecftError, did_you_mean
from secft.log import complain
from secft.threads import wait_gently

if TYPE_CHECKING:
    from secft.commands.verbs import Verbs
    from secft.config.command_line import CommandLine


@dataclass(frozen=True)
class Command:
    """One word of the command line: an experiment is configured and run, or verbs do things that are there already.

    Attributes:
        about: one line for --help.
        call: (config, command line) -> outcome with an exit code, for a command that takes a whole configuration.
        verbs: returns the verbs of a command that takes words; imported only when asked for.
    """

    about: str
    call: Callable[[Any, str], dict[str, Any]] | None = None
    verbs: Callable[[], Verbs] | None = None


def _run(config: Any, command: str) -> dict[str, Any]:
    from secft.run import run

    return run(config, command)


def _dataset() -> Verbs:
    from secft.commands.dataset import DATASET

    return DATASET


def _doctor() -> Verbs:
    from secft.commands.doctor import DOCTOR

    return DOCTOR


COMMANDS = {
    "run": Command("sources to a gated, carded adapter (the default)", call=_run),
    "dataset": Command("list, show, diff or verify frozen datasets", verbs=_dataset),
    "doctor": Command("this machine, what backends train here, what is missing; --fix makes it", verbs=_doctor),
}


def main(argv: list[str] | None = None) -> int:
    """Run a command line.

    Returns:
        The exit code: 0 ok, 2 bad configuration or input, 3 a gate failed, 130 interrupted, 1 anything else.
    """
    arguments = list(sys.argv[1:] if argv is None else argv)
    signal.signal(signal.SIGTERM, _on_sigterm)
    # Libraries announce their own future changes to their developers; people who run a job cannot act on them.
    warnings.filterwarnings("ignore", category=FutureWarning, module="transformers|peft|trl|torch|lm_eval")
    wait_gently()
    try:
        name, arguments = _command_of(arguments)
        return _dispatch(name, arguments)
    except SecftError as error:
        complain(str(error))
        return error.exit_code
    except KeyboardInterrupt:
        complain("Interrupted; the same command continues the run.")
        return Interrupted.exit_code


def _command_of(arguments: list[str]) -> tuple[str, list[str]]:
    """Split the command's name off; without one it is run."""
    if not arguments or "=" in arguments[0] or arguments[0][0] in "-+~":
        return "run", arguments
    name = arguments[0]
    if name in COMMANDS:
        return name, arguments[1:]
    problem = Problem(name, "is no command", None, ", ".join(COMMANDS), did_you_mean(name, COMMANDS))
    raise ConfigError([problem])


def _dispatch(name: str, arguments: list[str]) -> int:
    if "--version" in arguments:
        print(f"secft {__version__}")
        return 0
    command = COMMANDS[name]
    if command.verbs is not None:
        return command.verbs().run(arguments)
    if "--help" in arguments or "-h" in arguments:
        from secft.config.help import help_text

        print(help_text({command: entry.about for command, entry in COMMANDS.items()}))
        return 0
    from secft.config.command_line import read_command_line

    line = read_command_line(arguments)
    shown = shlex.join(["python", "-m", "secft", *arguments])
    if line.problems:
        raise ConfigError([*line.problems, *_further_problems(line)])
    if not line.multirun and not line.shows_only:
        assert command.call is not None  # a command without verbs has one
        outcome = command.call(line.configs[0], shown)
        return int(outcome["exit_code"])
    return _through_hydra(name, line.arguments, shown, multirun=line.multirun)


def _further_problems(line: CommandLine) -> list[Problem]:
    """Return what a run would complain about next, so that all is told at once."""
    from secft.run import problems

    found: list[Problem] = []
    for config in line.configs:
        found += [problem for problem in problems(config) if problem not in found]
    return found


def _through_hydra(name: str, arguments: list[str], shown: str, *, multirun: bool) -> int:
    """Let Hydra do what only Hydra does: sweeps and launchers, --cfg, --info, completion."""
    import hydra

    from secft.config.store import conf_directory, register_schemas

    register_schemas()
    directories: list[Any] = []

    def job(config: Any) -> dict[str, Any]:
        return _sweep_job(name, config, shown)

    if multirun:
        from secft.config.command_line import swept_outputs
        from secft.sweep import sweep_directory

        directories.append(sweep_directory(arguments, swept_outputs(arguments)))
        arguments = [*arguments, f"hydra.sweep.dir={directories[0]}"]
    entry = hydra.main(config_path=str(conf_directory()), config_name="run", version_base="1.3")(job)
    sys.argv = ["secft", *arguments]
    entry()
    if not multirun:
        return 0
    from secft.sweep import sweep_exit_code

    return sweep_exit_code(directories[0])


def _sweep_job(name: str, composed: Any, shown: str) -> dict[str, Any]:
    """Run one job of a sweep; its failure is a row of the leaderboard, not the end of the other jobs."""
    from secft.config.compose import to_run_config
    from secft.sweep import use_plain_processes, watched, write_job_row
    from secft.sweeping.objective import objective
    from secft.train.watching import StoppedByWatcher

    use_plain_processes()
    config = to_run_config(composed)
    try:
        call = COMMANDS[name].call
        assert call is not None  # only commands that take a configuration are swept
        with watched(config.sweep):
            outcome = call(config, shown)
        outcome["objective"] = objective(config.sweep, outcome)
    except Interrupted:
        raise KeyboardInterrupt from None
    except StoppedByWatcher as stopped:
        complain(str(stopped))
        outcome = {"status": "pruned", "exit_code": GateFailedError.exit_code, "error": str(stopped)}
    except SecftError as error:
        complain(str(error))
        outcome = {"status": "error", "exit_code": error.exit_code, "error": str(error)}
    write_job_row(outcome)
    return outcome


def _on_sigterm(number: int, frame: FrameType | None) -> None:
    raise Interrupted("The run was terminated; the same command continues it.")


if __name__ == "__main__":
    sys.exit(main())
