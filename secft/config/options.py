"""The configuration groups and their options, as the files in conf/ say them."""

from __future__ import annotations

from pathlib import Path

from secft.config.store import conf_directory


def options(group: str) -> list[str]:
    """Return the options of a group, sorted."""
    return sorted(path.stem for path in (conf_directory() / group).glob("*.yaml"))


def groups() -> list[str]:
    """Return the names of all groups, sorted; Hydra's own (sweeper) is not one of an experiment."""
    return sorted(path.name for path in conf_directory().iterdir() if path.is_dir() and path.name != "hydra")


def about_option(group: str, option: str) -> str:
    """Return the line that describes an option: the first comment after its command."""
    lines = (conf_directory() / group / f"{option}.yaml").read_text(encoding="utf-8").splitlines()
    comments = [line[2:] for line in lines if line.startswith("# ") and not line.startswith("# @package")]
    return comments[1] if len(comments) > 1 else ""


def user_config_directories(arguments: list[str]) -> list[Path]:
    """Return the directories that ``--config-dir`` adds on a command line."""
    found = []
    for index, argument in enumerate(arguments):
        if argument in ("--config-dir", "-cd") and index + 1 < len(arguments):
            found.append(Path(arguments[index + 1]))
        elif argument.startswith("--config-dir="):
            found.append(Path(argument.partition("=")[2]))
    return found
