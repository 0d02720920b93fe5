"""Name -> thing tables: the only way a configuration selects code."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TypeVar

from secft.errors import ConfigError, Problem, did_you_mean

T = TypeVar("T")


def pick(table: Mapping[str, T], name: str, key: str) -> T:
    """Return the entry of a table that a setting names.

    Args:
        table: what exists.
        name: what the configuration says.
        key: path of the setting, for the error.

    Raises:
        ConfigError: nothing of that name exists; the error lists what does.
    """
    if name in table:
        return table[name]
    problem = Problem(key, "is unknown", name, ", ".join(sorted(table)), did_you_mean(name, table))
    raise ConfigError([problem])
