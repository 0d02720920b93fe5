"""``python -m secft [command] [overrides]``: finds the command, checks before anything heavy, returns the exit code."""

from __future__ import annotations

import gc
import importlib
import pkgutil
import shlex
import signal
import sys
import warnings
from contextlib import ExitStack
from types import FrameType
from typing import TYPE_CHECKING, Any

import secft.commands
from secft import __version__
from secft.errors import ConfigError, InputError, Interrupted, Problem, SecftError, did_you_mean
from secft.log import complain, warn
from secft.redaction import without_credentials
from secft.threads import wait_gently

if TYPE_CHECKING:
    from secft.command import Command
    from secft.config.command_line import CommandLine

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
    gc.disable()  # until the command line is read: objects are only made, and a fifth of the time goes to the collector
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
    finally:
        gc.enable()


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
    if "--help" in rest or "-h" in rest:
        command = command_named(name)
        if command.help:
            print(command.help({one: command_named(one).about for one in COMMANDS}))
            return 0
    return _call(name, rest, without_credentials(shlex.join(["python", "-m", "secft", *arguments])))


def _call(name: str, arguments: list[str], shown: str) -> int:
    """Read a command line as a whole, and do one job or several."""
    from secft.config.command_line import read_command_line, split
    from secft.config.renamed import with_new_names
    from secft.config.roots import RUN

    flags, overrides, words = split(arguments)
    overrides, messages = with_new_names(overrides)
    for message in messages:
        warn(message)
    with ExitStack() as added_folders:
        # The module of a run imports all that a run needs: half a second that a wrong command line does not wait for.
        plain = name == RUN.name and not words
        root = RUN if plain else command_named(name).root_of(words)
        line = read_command_line(flags, overrides, root, added_folders)
        gc.enable()
        if plain and line.problems:
            raise ConfigError(line.problems)
        if plain and line.shows_only:
            return show(line)
        command = command_named(name)
        try:
            verb, given = command.parse(words, whole=not line.shows_only)
        except InputError as error:
            raise InputError("\n".join(map(str, [error, *line.problems]))) from None
        except SystemExit:  # after --help
            return 0
        if line.problems:
            raise ConfigError(line.problems)
        if line.shows_only or verb is None:
            return show(line)
        if line.multirun and command.sweep:
            return command.sweep(line, shown)
        given.shown = shown
        return max(verb.call(config, given) for config in line.configs)


def show(line: CommandLine) -> int:
    """Show a configuration (``--cfg job``), or let Hydra show what else it knows: --info, completion."""
    if line.flags.values.get("--cfg") == "job":
        from secft.config.commented import print_jobs

        return print_jobs(line)
    import hydra

    from secft.config.compose import searchpath
    from secft.config.places import conf_directory
    from secft.config.store import register_schemas

    register_schemas(line.root)

    def nothing(config: Any) -> None:
        """Hydra wants something to call; with these flags it does not."""

    sys.argv = ["secft", *line.arguments, *searchpath()]
    hydra.main(config_path=str(conf_directory()), config_name=line.root.file, version_base="1.3")(nothing)()
    return 0


def _on_sigterm(number: int, frame: FrameType | None) -> None:
    # No Exception: libraries catch those of all kinds, around imports too, and a run would go on.
    raise KeyboardInterrupt("The run was terminated; the same command continues it.")


if __name__ == "__main__":
    sys.exit(main())
