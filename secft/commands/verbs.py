"""Commands with verbs: ``python -m secft dataset show NAME --json paths.data=DIR``.

What holds a ``=`` is an override, as everywhere else; what starts with ``--`` is a flag; the rest are words. A path
with a ``=`` in it is taken as a word if it starts with ``/`` or ``.``.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from secft.config.run import PathsConfig
from secft.errors import ConfigError, InputError, Problem, did_you_mean


@dataclass(frozen=True)
class Asked:
    """What a command line asks of a verb.

    Attributes:
        words: what is neither a flag nor an override.
        flags: flags without their dashes.
        paths: places, as the overrides say.
    """

    words: tuple[str, ...]
    flags: frozenset[str]
    paths: PathsConfig


@dataclass(frozen=True)
class Verb:
    """One thing that a command can do.

    Attributes:
        about: one line for the usage text.
        words: how its words are shown in the usage text, for example ``NAME``.
        least: fewest words.
        most: most words, or None for any number.
        flags: flag without dashes -> one line about it.
        call: does it, prints, and returns the exit code.
    """

    about: str
    words: str
    least: int
    most: int | None
    flags: Mapping[str, str]
    call: Callable[[Asked], int]


@dataclass(frozen=True)
class Verbs:
    """The verbs of a command.

    Attributes:
        command: its name.
        about: one sentence about the command.
        table: name of a verb -> verb; a command that does one thing has one verb, named with an empty text.
        notes: more for the usage text: how things are named.
        place: the setting below ``paths`` that the command reads.
    """

    command: str
    about: str
    table: Mapping[str, Verb]
    notes: str = ""
    place: str = "data"

    def usage(self) -> str:
        """Return what ``--help`` prints, and what follows an error in how the command was used."""
        lines = [f"secft {self.command}: {self.about}", "", "Usage:"]
        for name, verb in self.table.items():
            flags = " ".join(f"[--{flag}]" for flag in verb.flags if f"--{flag} " not in verb.words)
            shown = " ".join(part for part in (name, verb.words, flags) if part)
            line = " ".join(part for part in (self.command, shown, f"[paths.{self.place}=DIR]") if part)
            lines += [f"  python -m secft {line}", f"      {verb.about}"]
        known = {flag: about for verb in self.table.values() for flag, about in verb.flags.items()}
        lines += ["", "Flags:", *(f"  {f'--{flag}':<10}{about}" for flag, about in known.items())]
        lines += ["", self.notes] if self.notes else []
        return "\n".join([*lines, "", "Exit codes: 0 ok, 2 wrong use, unknown name, or something is wrong, 1 failure."])

    def run(self, arguments: Sequence[str]) -> int:
        """Do what the arguments after the command's name ask for.

        Returns:
            The exit code.

        Raises:
            InputError: the command is used in a wrong way; the message ends with the usage text.
            ConfigError: an override is wrong.
        """
        single = "" in self.table
        if "--help" in arguments or "-h" in arguments or not (arguments or single):
            print(self.usage())
            return 0 if arguments else InputError.exit_code
        name, rest = ("", list(arguments)) if single else (arguments[0], list(arguments[1:]))
        if name not in self.table:
            close = did_you_mean(name, self.table)
            raise self._wrong(f"{name!r} is nothing that {self.command} can do.", close)
        verb, asked = self.table[name], f"{self.command} {name}".strip()
        flags, overrides, words = _sorted(rest)
        for flag in flags:
            if flag not in verb.flags:
                close = did_you_mean(flag, verb.flags)
                raise self._wrong(f"--{flag} is no option of {asked}.", f"--{close}" if close else None)
        if len(words) < verb.least or (verb.most is not None and len(words) > verb.most):
            raise self._wrong(f"{asked} takes {verb.words or 'no names'}, not {' '.join(words) or 'none'}.")
        return verb.call(Asked(tuple(words), frozenset(flags), _paths(overrides)))

    def _wrong(self, told: str, close: str | None = None) -> InputError:
        hint = f" Did you mean {close!r}?" if close else ""
        return InputError(f"{told}{hint}\n\n{self.usage()}")


def _sorted(arguments: Sequence[str]) -> tuple[list[str], list[str], list[str]]:
    """Return flags, overrides and words."""
    flags = [text[2:] for text in arguments if text.startswith("--")]
    rest = [text for text in arguments if not text.startswith("--")]
    overrides = [text for text in rest if "=" in text and text[0] not in "./"]
    return flags, overrides, [text for text in rest if text not in overrides]


def _paths(overrides: Sequence[str]) -> PathsConfig:
    """Return the places that overrides name; composing takes half a second, so only where there are any."""
    if not overrides:
        return PathsConfig()
    problems = [
        Problem(text.partition("=")[0], "has no meaning for this command", None, "paths.data, paths.outputs and others")
        for text in overrides
        if not text.lstrip("+~").startswith("paths.")
    ]
    if problems:
        raise ConfigError(problems)
    from secft.config.command_line import read_command_line

    line = read_command_line(overrides)
    if line.problems:
        raise ConfigError(line.problems)
    return line.configs[0].paths
