"""Settings and groups that have a new name: the old one is still taken, and what is new is said."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

RENAMED: Mapping[str, str] = {
    "engine": "executor",
    "dedup.engine": "dedup.implementation",
}
"""Old key -> new key, of a group or a setting; what lies below moves along."""


def with_new_names(overrides: Sequence[str]) -> tuple[list[str], list[str]]:
    """Return overrides by the names that settings have now.

    Args:
        overrides: as the user wrote them.

    Returns:
        The overrides, and a message for each old name that was used.
    """
    found, messages = [], []
    for text in overrides:
        key, equals, value = text.partition("=")
        name = key.lstrip("+~")
        old = next((old for old in RENAMED if name == old or name.startswith((f"{old}.", f"{old}@"))), None)
        if old is None:
            found.append(text)
            continue
        new = f"{key.removesuffix(name)}{RENAMED[old]}{name.removeprefix(old)}{equals}{value}"
        messages.append(f"{old} is called {RENAMED[old]} now; {new} is taken for {text}.")
        found.append(new)
    return found, messages
