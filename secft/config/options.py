"""The configuration groups and their options, as the files in conf/ say them."""

from __future__ import annotations

from functools import cache

import yaml

from secft.config.store import conf_directory


def options(group: str) -> list[str]:
    """Return the options of a group, sorted."""
    return sorted(path.stem for path in (conf_directory() / group).glob("*.yaml"))


@cache
def groups(root: str) -> tuple[str, ...]:
    """Return the groups from which a command's configuration is composed, sorted.

    Args:
        root: name of the command's file in conf.
    """
    settings = yaml.safe_load((conf_directory() / f"{root}.yaml").read_text(encoding="utf-8"))
    return tuple(sorted(name for entry in settings["defaults"] if isinstance(entry, dict) for name in entry))


def about_option(group: str, option: str) -> str:
    """Return the line that describes an option: the first comment after its command."""
    lines = (conf_directory() / group / f"{option}.yaml").read_text(encoding="utf-8").splitlines()
    comments = [line[2:] for line in lines if line.startswith("# ") and not line.startswith("# @package")]
    return comments[1] if len(comments) > 1 else ""
