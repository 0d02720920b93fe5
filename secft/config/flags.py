"""Flags and settings of Hydra: which are taken, and which are refused by name, with what does the same here."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from secft.config.compose import of_hydra
from secft.errors import Problem

SHOWING = ("--cfg", "--info", "--hydra-help", "--shell-completion")
"""Flags with which nothing is run."""
SHORT = {"-c": "--cfg", "-i": "--info", "-p": "--package", "-sc": "--shell-completion", "-m": "--multirun",
         "-cd": "--config-dir", "-cn": "--config-name", "-cp": "--config-path"}  # fmt: skip
CHOICES = {
    "--cfg": ("job", "hydra", "all"),
    "--info": ("all", "config", "defaults", "defaults-tree", "plugins", "searchpath"),
}
VALUED = ("--cfg", "--info", "--package", "--shell-completion", "--config-dir", "--config-name", "--config-path",
          "--experimental-rerun")  # fmt: skip
SIMPLE = ("--multirun", "--resolve", "--hydra-help")
REFUSED_FLAGS: Mapping[str, str] = {
    "--config-path": "secft's own options must stay within reach. Add a folder with --config-dir DIR.",
    "--experimental-rerun": "Give back a run's configuration with --config-dir outputs/RUN --config-name config.",
}
REFUSED: Mapping[str, str] = {
    "hydra.run": "A run's directory is named after its settings. Use paths.outputs=DIR and name=NAME.",
    "hydra.sweep": "A sweep's directory is named after its settings. Use paths.outputs=DIR.",
    "hydra.job.chdir": "Paths are relative to the directory that a command is started in.",
    "hydra.job.name": "Use name=NAME.",
    "hydra.job.config": "Use name=NAME.",
    "hydra.output_subdir": "A run keeps its configuration as outputs/RUN/config.yaml.",
    "hydra.verbose": "Everything that is said stands in outputs/RUN/run.log.",
    "hydra/job_logging": "What a run says stands in outputs/RUN/run.log.",
    "hydra.job_logging": "What a run says stands in outputs/RUN/run.log.",
    "hydra/hydra_logging": "What a run says stands in outputs/RUN/run.log.",
    "hydra.hydra_logging": "What a run says stands in outputs/RUN/run.log.",
    "hydra.callbacks": "A callback is code, and a configuration names none.",
    "hydra.mode": "Use -m for several jobs.",
    "hydra.help": "Use --help.",
    "hydra.runtime": "Hydra fills it in.",
    "hydra.overrides": "Hydra fills it in.",
}
"""Settings of Hydra that do nothing here -> what to do instead. The longest beginning counts."""
IN_SWEEPS = ("hydra/launcher", "hydra/sweeper", "hydra.launcher.", "hydra.sweeper.", "hydra.job.env_set.",
             "hydra.job.env_copy")  # fmt: skip
"""Settings of Hydra that a multirun reads."""
SEARCHPATH = "hydra.searchpath"


@dataclass
class HydraFlags:
    """The flags of Hydra on a command line.

    Attributes:
        values: long name -> value; an empty text for flags without one.
        problems: flags that are wrong or refused.
    """

    values: dict[str, str] = field(default_factory=dict)
    problems: list[Problem] = field(default_factory=list)

    def __contains__(self, flag: str) -> bool:
        return flag in self.values

    @classmethod
    def read(cls, words: Sequence[str]) -> HydraFlags:
        """Read flags as they were typed."""
        flags, rest = cls(), list(words)
        while rest:
            name, equals, value = rest.pop(0).partition("=")
            long = SHORT.get(name, name)
            if long in VALUED and not equals and rest:
                value = rest.pop(0)
            flags.values[long] = value
        flags.problems += _wrong_flags(flags)
        return flags

    @property
    def shows_only(self) -> bool:
        """Nothing is run; something is shown."""
        return any(flag in self.values for flag in SHOWING)

    def words(self, without: Sequence[str] = ()) -> list[str]:
        """Return the flags as Hydra reads them."""
        kept = {flag: value for flag, value in self.values.items() if flag not in without}
        return [word for flag, value in kept.items() for word in ([flag, value] if flag in VALUED else [flag])]


def split(arguments: Sequence[str]) -> tuple[list[str], list[str], list[str]]:
    """Return the flags of Hydra, the overrides, and the rest: words and flags of the command."""
    flags, overrides, words = list[str](), list[str](), list[str]()
    rest = list(arguments)
    while rest:
        argument = rest.pop(0)
        name, equals, _ = argument.partition("=")
        long = SHORT.get(name, name)
        if long in VALUED:
            flags.append(argument)
            if not equals and rest:
                flags.append(rest.pop(0))
        elif long in SIMPLE and not equals:
            flags.append(argument)
        elif argument[:1] == "~" or ("=" in argument and argument[0] not in "-./="):
            overrides.append(argument)
        else:
            words.append(argument)
    return flags, overrides, words


def _wrong_flags(flags: HydraFlags) -> list[Problem]:
    found = [
        Problem(flag, "is not taken", remedy=REFUSED_FLAGS[flag]) for flag in flags.values if flag in REFUSED_FLAGS
    ]
    for flag, value in flags.values.items():
        allowed = CHOICES.get(flag, ())
        if flag in VALUED and not value:
            found.append(Problem(flag, "needs a value", None, ", ".join(allowed)))
        elif allowed and value not in allowed:
            found.append(Problem(flag, "is no choice", value, ", ".join(allowed)))
    for flag in ("--package", "--resolve"):
        if flag in flags and "--cfg" not in flags:
            found.append(Problem(flag, "says how a configuration is shown, and none is", remedy="Add --cfg job."))
    return found


def hydra_problems(overrides: Sequence[str], *, multirun: bool) -> list[Problem]:
    """Return what is wrong with the settings of Hydra on a command line."""
    found = []
    for text in overrides:
        name, _, value = text.partition("=")
        key = name.lstrip("+~")
        if not of_hydra(key) or key == SEARCHPATH:
            continue
        refused = [start for start in REFUSED if key == start or key.startswith((f"{start}.", f"{start}/"))]
        if refused:
            found.append(Problem(key, "is not taken", value or None, remedy=REFUSED[max(refused, key=len)]))
        elif not key.startswith(IN_SWEEPS):
            allowed = f"{', '.join(sorted({one.rstrip('.') for one in IN_SWEEPS}))}, {SEARCHPATH}"
            found.append(Problem(key, "is no setting of Hydra that is read here", value or None, allowed))
        elif not multirun and key != "hydra/sweeper":  # the sweeper is told by sweep_problems
            found.append(Problem(key, "is about several jobs", value or None, remedy="Add -m."))
    return found


def given_folders(flags: HydraFlags, overrides: Sequence[str]) -> tuple[list[Path], list[Problem]]:
    """Return the folders that ``--config-dir`` and ``hydra.searchpath`` add, and what is wrong with them."""
    named = [("--config-dir", flags.values["--config-dir"])] if flags.values.get("--config-dir") else []
    for text in overrides:
        name, _, value = text.partition("=")
        if name.lstrip("+") == SEARCHPATH:
            named += [(SEARCHPATH, one.strip().strip("\"'")) for one in value.strip("[]").split(",") if one.strip()]
    folders, problems = [], []
    for key, text in named:
        scheme, _, path = text.rpartition("://")
        if scheme not in ("", "file"):
            remedy = "Write file://FOLDER, or a folder."
            problems.append(Problem(key, "is no folder of this machine", text, remedy=remedy))
        elif not _is_folder(path):
            problems.append(Problem(key, "is no folder", text, remedy="Name one that exists."))
        else:
            folders.append(Path(path).absolute())
    return list(dict.fromkeys(folders)), problems


def _is_folder(text: str) -> bool:
    try:
        return Path(text).is_dir()
    except (OSError, ValueError):
        return False
