"""Settings that a pipeline does not read: to set one of them is refused, with the reason."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
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
    return [
        Problem(key, f"is not read by {pipeline}: {why}", value, remedy="Leave it out.", code="unread")
        for group, why in unread.items()
        for key, value in _changed(group, _at(chosen, group), _at(usual, group))
        if key not in read
    ]


def _changed(key: str, now: Any, before: Any) -> Iterator[tuple[str, Any]]:
    """Yield (dotted key, value) of what differs; another option of a group is one difference."""
    if isinstance(now, dict) and isinstance(before, dict):
        if now.get("name") == before.get("name") and set(now) == set(before):
            for name in now:
                yield from _changed(f"{key}.{name}", now[name], before[name])
        else:
            yield key, now.get("name", sorted(now))
    elif now != before:
        yield key, now


def _at(settings: Any, key: str) -> Any:
    for part in key.split("."):
        settings = settings.get(part) if isinstance(settings, dict) else None
    return settings
