"""Read overrides one by one: what cannot be read is a problem, with the spelling that would work."""

from __future__ import annotations

import json
import re
import shlex
from collections.abc import Sequence

from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.core.override_parser.types import Override, OverrideType, QuotedString
from hydra.errors import HydraException

from secft.config.options import EXPERIMENT
from secft.errors import Problem

LONGEST = 65_536
"""Characters of an override; the grammar's reader takes a second for a tenth of it."""
DEEPEST = 40
"""Brackets inside of each other."""
_PLAIN_KEY = re.compile(r"(\+\+|\+|~)?[A-Za-z_][\w@/.$:-]*")


def parse(overrides: Sequence[str]) -> tuple[list[Override], list[Problem]]:
    """Return what could be read, and a problem for each override that could not."""
    parsed, problems = [], []
    for text in map(as_added, overrides):
        problem = _too_much(text)
        override = None if problem else _parsed(text)
        if override is None:
            problems.append(problem or _unreadable(text))
        elif override.package is not None:
            problems.append(_placed(override))
        else:
            parsed.append(override)
    return parsed, problems


def as_added(text: str) -> str:
    """Return ``experiment=NAME`` as ``+experiment=NAME``: no experiment is chosen unless one is named."""
    return f"+{text}" if text.startswith(f"{EXPERIMENT}=") else text


def plain(value: object) -> object:
    """Return a value of Hydra's grammar without its quotes."""
    if isinstance(value, QuotedString):
        return value.text
    if isinstance(value, list):
        return [plain(inner) for inner in value]
    if isinstance(value, dict):
        return {plain(key): plain(inner) for key, inner in value.items()}
    return value


def shell_word(key: str, value: str) -> str:
    """Return an override whose value is a text, quoted for Hydra and for a shell."""
    return shlex.quote(f"{key}={json.dumps(value, ensure_ascii=False)}")


def _parsed(text: str) -> Override | None:
    try:
        return OverridesParser.create().parse_override(text)
    except (HydraException, ValueError, RecursionError, OverflowError):
        return None


def _too_much(text: str) -> Problem | None:
    key, _, value = text.partition("=")
    shown = key[:80]
    if "\0" in text:
        return Problem(shown.replace("\0", "?"), "holds a NUL character", remedy="Leave it out.")
    if any("\ud800" <= sign <= "\udfff" for sign in text):
        return Problem(_printable(shown), "holds bytes that are no UTF-8", remedy="Write it in UTF-8.")
    if len(text) > LONGEST:
        return Problem(shown, f"is {len(text):,} characters long", None, f"at most {LONGEST:,}")
    if re.search(r"\d{400}", value):
        return Problem(shown, "is a number of more than 400 digits", remedy="Write a smaller one.")
    if max(value.count("["), value.count("{"), value.count("(")) > DEEPEST and _depth(value) > DEEPEST:
        return Problem(shown, f"has more than {DEEPEST} brackets inside of each other", remedy="Write fewer.")
    return None


def _printable(text: str) -> str:
    return text.encode("utf-8", "replace").decode("utf-8")


def _depth(text: str) -> int:
    depth = deepest = 0
    for sign in text:
        depth += (sign in "[{(") - (sign in "]})")
        deepest = max(deepest, depth)
    return deepest


def _unreadable(text: str) -> Problem:
    """Say why an override cannot be read, and how its value is written so that it can."""
    key, equals, value = text.partition("=")
    if not equals:
        return Problem(key, "has no value", remedy=f"Write key=value: {key}=...")
    if not _PLAIN_KEY.fullmatch(key) or ".." in key or key.endswith("."):
        return Problem(key, "is no name of a setting", remedy="Write it as in trainer.lora.r=8.")
    opened = [sign for sign, closing in ("[]", "{}", "()") if value.count(sign) != value.count(closing)]
    if opened and value[:1] in opened:
        return Problem(key, "has a bracket that is not closed", value, remedy="Close it, and quote it for the shell.")
    if value[:1] in "[{":
        remedy = f"Put texts with other signs than letters, digits and -_./ in quotes: '{key}=[\"a b\"]'."
        return Problem(key, "cannot be read", value, remedy=remedy)
    return Problem(key, "has signs that need quotes", value, remedy=f"Write {shell_word(key, value)}.")


def _placed(override: Override) -> Problem:
    group, package = override.key_or_group, override.package
    if not group:
        return Problem(f"@{package}", "names no group", remedy="Write GROUP=OPTION.")
    remedy = f"Write {group}={override.get_value_string() if override.type != OverrideType.DEL else '...'}."
    return Problem(f"{group}@{package}", "a group has one place here, its own name", remedy=remedy)
