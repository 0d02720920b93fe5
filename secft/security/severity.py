"""The scale of severity: five levels, their words in CVSS and in the reports of scanners, and the scores they begin at.

Source: FIRST, CVSS v3.1 specification, section 5, and v4.0, section 6 (the same scale); NVD, "Vulnerability Metrics"
(three levels for version 2).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Level:
    """A level of severity.

    Attributes:
        name: what scanners' findings are given here.
        cvss: what CVSS calls it.
        lowest: the lowest score of it in versions 3 and 4 of CVSS.
        words: what tools call it, in lower case.
    """

    name: str
    cvss: str
    lowest: float
    words: tuple[str, ...]


SCALE = (
    Level("info", "None", 0.0, ("info", "informational", "information", "log", "none", "note", "notice", "negligible")),
    Level("low", "Low", 0.1, ("low", "minor")),
    Level("medium", "Medium", 4.0, ("medium", "moderate", "warning", "warn")),
    Level("high", "High", 7.0, ("high", "error", "major", "important")),
    Level("critical", "Critical", 9.0, ("critical", "severe", "blocker")),
)
"""The mildest first."""
UNKNOWN = "unknown"
"""What a finding is given whose tool states none, or none of this scale."""

NAMES = tuple(level.name for level in SCALE)
CVSS_WORDS = tuple(level.cvss for level in SCALE)
_NAME_OF = {word: level.name for level in SCALE for word in level.words}


def severity_of_word(word: Any) -> str:
    """Return the name of the level that a tool's word stands for, or ``unknown``."""
    return _NAME_OF.get(word.strip().lower(), UNKNOWN) if isinstance(word, str) else UNKNOWN


def severity_of_score(score: Any) -> str:
    """Return the name of the level of a base score of CVSS 3 or 4, or ``unknown`` for what is none."""
    try:
        value = float(score)
    except (TypeError, ValueError):
        return UNKNOWN
    return next((level.name for level in reversed(SCALE) if level.lowest <= value <= 10), UNKNOWN)


def severity_of(word: Any, score: Any) -> str:
    """Return the name of the level that a tool's word stands for, else that of a score."""
    known = severity_of_word(word)
    return known if known != UNKNOWN else severity_of_score(score)


def cvss_word(score: float, version: str) -> str:
    """Return what CVSS calls a base score; version 2 knows neither None nor Critical."""
    level = next((level for level in reversed(SCALE) if level.lowest <= score), SCALE[0])
    if not version.startswith("2"):
        return level.cvss
    return {"None": "Low", "Critical": "High"}.get(level.cvss, level.cvss)
