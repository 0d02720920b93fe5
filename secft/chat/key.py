"""The key of a paid server: read from an environment variable at the moment of use, and never told."""

from __future__ import annotations

import os
import re

from secft.chat.errors import AccessError
from secft.errors import Problem

VARIABLE_NAME = re.compile(r"\A[A-Za-z_][A-Za-z0-9_]{0,99}\Z")


def key_source(variable: str) -> str:
    """Return where a key comes from, for messages; never its value."""
    return f"the environment variable {shown(variable)}"


def shown(variable: str) -> str:
    """Return the name of a variable, or a placeholder where somebody wrote something else, perhaps the key itself."""
    return variable if is_variable_name(variable) else "(not a variable's name)"


def is_variable_name(variable: str) -> bool:
    """Tell whether this can be the name of an environment variable, and does not look like a key."""
    return bool(VARIABLE_NAME.match(variable)) and not _looks_like_a_key(variable)


def read_key(variable: str) -> str | None:
    """Return the key, or None if the variable is unset or empty.

    Raises:
        AccessError: it holds what cannot be part of a key (spaces, line ends, letters outside of ASCII).
    """
    key = os.environ.get(variable, "").strip() if is_variable_name(variable) else ""
    if not key:
        return None
    if not re.fullmatch(r"[\x21-\x7e]+", key):
        raise AccessError("unusable key", f"{key_source(variable)} holds characters that no key has.")
    return key


def variable_problems(variable: str, key: str) -> list[Problem]:
    """Return a problem if a setting is no name of a variable; its value is not shown, it may be the key itself.

    Args:
        variable: what the configuration says.
        key: path of the setting.
    """
    if is_variable_name(variable):
        return []
    reason = "is not the name of an environment variable; if this is the key itself, take it out of the command line"
    return [Problem(key, reason, remedy="Export the key as a variable and give the variable's name: OPENAI_API_KEY.")]


def _looks_like_a_key(variable: str) -> bool:
    known = variable.startswith(("AIza", "sk_", "ghp_", "hf_", "gsk_", "xai_"))
    mixed = variable != variable.upper() and variable != variable.lower() and any(c.isdigit() for c in variable)
    return known or (len(variable) >= 24 and mixed)
