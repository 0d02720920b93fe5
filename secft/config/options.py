"""The configuration groups and their options, as the files in conf/ and in added folders say them."""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import Any

import yaml

from secft.config.places import directories, found

EXPERIMENT = "experiment"
"""The group of whole experiments: each file chooses options and sets values of all other groups."""


def options(group: str) -> list[str]:
    """Return the options of a group, sorted."""
    return sorted({path.stem for folder in directories() for path in (folder / group).glob("*.yaml")})


def groups(root: str) -> tuple[str, ...]:
    """Return the groups from which a command's configuration is composed, sorted.

    Args:
        root: name of the command's file in conf, or of a file in an added folder that begins with one.
    """
    return tuple(sorted({name for entry in _defaults(root) if isinstance(entry, dict) for name in entry}))


def chosen_by_default(root: str, group: str) -> Any:
    """Return the option, or the list of them, that a root takes where nobody chooses; None if it has none."""
    named = [entry[group] for entry in _defaults(root) if isinstance(entry, dict) and group in entry]
    if named:
        return named[-1]
    path = found(root)
    held = _settings(path).get(group) if path and "defaults" not in _settings(path) else None
    return list(held) if isinstance(held, dict) else None


def _defaults(root: str) -> list[Any]:
    """Return the defaults list of a root, with those of the roots that it begins with; marks are left out."""
    path = found(root)
    entries: list[Any] = []
    for entry in _settings(path).get("defaults") or [] if path else []:
        if isinstance(entry, str):
            name = entry.removeprefix("/")
            entries += _defaults(name) if name not in (root, "_self_") else []
        elif isinstance(entry, dict):
            entries.append({_plain(key): value for key, value in entry.items()})
    return entries


def _plain(key: object) -> str:
    return str(key).removeprefix("override ").removeprefix("optional ").strip().removeprefix("/").partition("@")[0]


@cache
def _settings(path: Path) -> dict[str, Any]:
    settings = yaml.safe_load(path.read_text(encoding="utf-8"))
    return settings if isinstance(settings, dict) else {}


def about_option(group: str, option: str) -> str:
    """Return the line that describes an option: the first comment after its command."""
    path = found(f"{group}/{option}")
    lines = path.read_text(encoding="utf-8").splitlines() if path else []
    comments = [line[2:] for line in lines if line.startswith("# ") and not line.startswith("# @package")]
    return comments[1] if len(comments) > 1 else ""


def option_settings(group: str, option: str) -> dict[str, Any]:
    """Return what the file of an option says, as it stands there; empty if there is none."""
    path = found(f"{group}/{option}")
    return _settings(path) if path else {}
