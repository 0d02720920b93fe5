"""What a command is: ``python -m secft COMMAND [VERB] [words and flags] [key=value ...]``.

What holds a ``=`` is an override of the command's configuration, in the same grammar everywhere; what starts with a
dash is a flag; the rest are words. Words and flags are read by argparse. A path with a ``=`` in it is taken as a word
if it starts with ``/`` or ``.``.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NoReturn

from secft.config.roots import Root
from secft.errors import InputError, Problem, did_you_mean

if TYPE_CHECKING:
    from secft.config.command_line import CommandLine

PROGRAM = "python -m secft"
HYDRA_FLAGS_SHOWN = ("-m, --multirun", "--cfg job", "--info", "--resolve", "--package KEY", "--config-dir DIR",
                     "--config-name NAME")  # fmt: skip
"""Flags of every command, as they are told."""
EXIT_CODES = "Exit codes: 0 ok, 2 wrong use, unknown name, or something is wrong, 1 failure."


def no_arguments(parser: argparse.ArgumentParser) -> None:
    """Add nothing: the command takes overrides only."""


@dataclass(frozen=True)
class Verb:
    """One thing that a command can do.

    Attributes:
        about: one line for the usage text.
        call: (configuration, words and flags) -> exit code.
        arguments: declares words and flags.
        root: of its configuration, where that is not the command's.
        problems: everything that keeps it from being started, told together with what is wrong with its overrides.
    """

    about: str
    call: Callable[[Any, argparse.Namespace], int]
    arguments: Callable[[argparse.ArgumentParser], None] = no_arguments
    root: Root[Any] | None = None
    problems: Callable[[Any], list[Problem]] = lambda config: []


@dataclass(frozen=True)
class Command:
    """One word of the command line.

    Attributes:
        name: the word; the name of its module below secft/commands.
        about: one line for --help.
        root: of its configuration.
        verbs: name -> verb; a command that does one thing has one verb, named with an empty text.
        notes: more for the usage text.
        help: (command -> one line about it) -> usage text, where argparse's would not tell enough.
        sweep: runs a multirun: (command line, what the user typed) -> exit code; None does one job after the other.
    """

    name: str
    about: str
    root: Root[Any]
    verbs: Mapping[str, Verb]
    notes: str = ""
    help: Callable[[Mapping[str, str]], str] | None = None
    sweep: Callable[[CommandLine, str], int] | None = None

    def root_of(self, words: Sequence[str]) -> Root[Any]:
        """Return the root of the configuration that some words ask for."""
        verb = next((self.verbs[word] for word in words if word in self.verbs), None)
        return verb.root if verb and verb.root else self.root

    def parse(self, arguments: Sequence[str], *, whole: bool = True) -> tuple[Verb | None, argparse.Namespace]:
        """Read words and flags.

        Args:
            arguments: words and flags.
            whole: what the command cannot do without must be there; otherwise only what is there is checked.

        Returns:
            The verb that is asked for, and what it is given.

        Raises:
            InputError: the command is used in a wrong way; the message ends with the usage.
            SystemExit: with 0, after --help.
        """
        parser = _Parser(prog=f"{PROGRAM} {self.name}", description=self.about, epilog=self._epilog(),
                         formatter_class=argparse.RawDescriptionHelpFormatter, allow_abbrev=False)  # fmt: skip
        if "" in self.verbs:
            self.verbs[""].arguments(parser)
        else:
            names = parser.add_subparsers(dest="verb", metavar="VERB", required=True, parser_class=_Parser)
            for name, verb in self.verbs.items():
                verb.arguments(names.add_parser(name, help=verb.about, description=verb.about, allow_abbrev=False))
        if not whole:
            _nothing_required(parser)
        found = parser.read(arguments)
        return self.verbs.get(getattr(found, "verb", None) or ""), found

    def _epilog(self) -> str:
        overrides = f"key=value sets what {PROGRAM} {self.name} --cfg job shows."
        return "\n".join(filter(None, [overrides, self.notes, EXIT_CODES]))


def _nothing_required(parser: argparse.ArgumentParser) -> None:
    for action in parser._actions:
        action.required = False
        if isinstance(action, argparse._SubParsersAction):
            for below in action.choices.values():
                _nothing_required(below)
        elif not action.option_strings and action.nargs is None:
            action.nargs = "?"


class _Parser(argparse.ArgumentParser):
    """argparse, whose complaints are errors like all others."""

    def read(self, arguments: Sequence[str]) -> argparse.Namespace:
        """Read words and flags; what is left over is wrong, a flag that resembles a known one with a guess.

        Raises:
            InputError: something is wrong.
        """
        found, left = self.parse_known_args(list(arguments))
        if left:
            parser = self._below(getattr(found, "verb", None))
            known = [option for action in parser._actions for option in action.option_strings]
            allowed = ", ".join([*known, *HYDRA_FLAGS_SHOWN])
            parser._complain(
                "\n".join(
                    str(Problem(text, "is no flag here", None, allowed, did_you_mean(text.partition("=")[0], known)))
                    if text[:1] == "-"
                    else str(Problem(text, "is one word too many"))
                    for text in left
                )
            )
        return found

    def error(self, message: str) -> NoReturn:
        """Raise what is wrong, with a guess and the usage.

        Raises:
            InputError: always.
        """
        words = message.replace("'", " ").replace(",", " ").replace(": ", " ").split()
        known = [option for action in self._actions for option in (*action.option_strings, *(action.choices or ()))]
        guesses = [did_you_mean(word, known) for word in words if word not in known]
        guess = next((one for one in guesses if one), None)
        self._complain(f"{message}.{f' Did you mean {guess!r}?' if guess else ''}")

    def _below(self, verb: str | None) -> _Parser:
        """Return the parser of a verb, or this one."""
        tables = [action.choices for action in self._actions if isinstance(action, argparse._SubParsersAction)]
        found: _Parser = tables[0][verb] if tables and verb else self
        return found

    def _complain(self, message: str) -> NoReturn:
        raise InputError(f"{message}\n{self.format_usage().strip()} [key=value ...]\n{self.prog} --help tells more.")


def json_flag(parser: argparse.ArgumentParser) -> None:
    """Let a command take ``--json``."""
    parser.add_argument("--json", action="store_true", help="print JSON for machines")


def print_json(value: Any) -> int:
    """Print a value as JSON on standard output; return the exit code 0."""
    print(json.dumps(value, indent=2, ensure_ascii=False))
    return 0
