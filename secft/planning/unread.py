"""Settings that a pipeline does not read: to set one of them is refused, with the reason."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any

from secft.errors import Problem
from secft.files import plain


def unread_problems(
    config: Any, defaults: Any, pipeline: str, unread: Mapping[str, str], read: Collection[str] = ()
) -> list[Problem]:
    """Return a problem for each setting that was chosen and is not read.

    Args:
        config: the whole configuration.
        defaults: the same pipeline's configuration without any setting of the user's.
        pipeline: its name, for people.
        unread: setting, or group of settings -> why it is not read.
        read: settings inside of such groups that are read all the same.
    """
    chosen, usual = plain(config), plain(defaults)
    found = []
    for key, why in unread.items():
        now, before = _at(chosen, key), _at(usual, key)
        if isinstance(now, dict) and isinstance(before, dict) and now.get("name") == before.get("name"):
            changed = [name for name in now if now[name] != before.get(name) and f"{key}.{name}" not in read]
            found += [_problem(f"{key}.{name}", now[name], pipeline, why) for name in changed]
        elif now != before:
            shown = now.get("name", now) if isinstance(now, dict) else now
            found.append(_problem(key, shown, pipeline, why))
    return found


def _problem(key: str, value: Any, pipeline: str, why: str) -> Problem:
    return Problem(key, f"is not read by {pipeline}: {why}", value, remedy="Leave it out.", code="unread")


def _at(settings: Any, key: str) -> Any:
    for part in key.split("."):
        settings = settings.get(part) if isinstance(settings, dict) else None
    return settings
