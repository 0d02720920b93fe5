"""``python -m secft [command] [overrides]``: finds the command, checks before anything heavy, returns the exit code."""

from __future__ import annotations

import importlib
import pkgutil
import shlex
import signal
import sys
import warnings
from types import FrameType
from typing import TYPE_CHECKING, Any

import secft.commands
from secft import __version__
from secft.errors import ConfigError, InputError, Interrupted, Problem, SecftError, did_you_mean, unique
from secft.log import complain, warn
from secft.threads import wait_gently

if TYPE_CHECKING:
    from secft.command import Command
    from secft.config.roots import Root

COMMANDS = sorted({module.name for module in pkgutil.iter_modules(secft.commands.__path__)})
"""The table of commands is the folder secft/commands: each module holds the record ``COMMAND`` of the command of its
name."""


def command_named(name: str) -> Command:
    """Return a command; only its own module is imported."""
    found: Command = importlib.import_module(f"secft.commands.{name}").COMMAND
    return found


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
        return _dispatch(arguments)
    except SecftError as error:
        complain(str(error))
        return error.exit_code
    except KeyboardInterrupt:
        complain("Interrupted; the same command continues the run.")
        return Interrupted.exit_code


def _dispatch(arguments: list[str]) -> int:
    """Do what a command line asks for; without a command it is run."""
    if "--version" in arguments:
        print(f"secft {__version__}")
        return 0
    name, rest = "run", arguments
    if arguments and "=" not in arguments[0] and arguments[0][:1] not in "-+~":
        name, rest = arguments[0], arguments[1:]
    if name not in COMMANDS:
        raise ConfigError([Problem(name, "is no command", None, ", ".join(COMMANDS), did_you_mean(name, COMMANDS))])
    command = command_named(name)
    if command.help and ("--help" in rest or "-h" in rest):
        print(command.help({one: command_named(one).about for one in COMMANDS}))
        return 0
    return _call(command, rest, shlex.join(["python", "-m", "secft", *arguments]))


def _call(command: Command, arguments: list[str], shown: str) -> int:
    """Read a command line as a whole, and do one job or several."""
    from secft.config.command_line import read_command_line, split
    from secft.config.renamed import with_new_names

    flags, overrides, words = split(arguments)
    overrides, messages = with_new_names(overrides)
    for message in messages:
        warn(message)
    root = command.root_of(words)
    line = read_command_line(flags, overrides, root)
    try:
        verb, given = command.parse(words, whole=not line.shows_only)
    except InputError as error:
        raise InputError("\n".join(map(str, [error, *line.problems]))) from None
    except SystemExit:  # after --help
        return 0
    if line.problems:
        further = [problem for config in line.configs for problem in (verb.problems(config) if verb else ())]
        raise ConfigError(unique([*line.problems, *further]))
    if line.shows_only or verb is None:
        return show(root, line.arguments)
    if line.multirun and command.sweep:
        return command.sweep(line.arguments, shown)
    given.shown = shown
    return max(verb.call(config, given) for config in line.configs)


def show(root: Root[Any], arguments: list[str]) -> int:
    """Let Hydra show a configuration: --cfg, --info, completion."""
    import hydra

    from secft.config.store import conf_directory, register_schemas

    register_schemas(root)

    def nothing(config: Any) -> None:
        """Hydra wants something to call; with these flags it does not."""

    sys.argv = ["secft", *arguments]
    hydra.main(config_path=str(conf_directory()), config_name=root.name, version_base="1.3")(nothing)()
    return 0


def _on_sigterm(number: int, frame: FrameType | None) -> None:
    raise Interrupted("The run was terminated; the same command continues it.")


if __name__ == "__main__":
    sys.exit(main())
