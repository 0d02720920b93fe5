"""CVSS scores of CVE records: one shape for every format, and which one of several is the one to tell.

A score is ``version``, ``vector``, ``score`` (0 to 10), ``severity`` (None, Low, Medium, High, Critical), ``source``
(who gave it) and ``primary`` (given by the format's first authority).
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Any

from secft.dataset.sources.reading.json_values import string
from secft.security.severity import CVSS_WORDS, cvss_word

PREFERENCE = ("4.0", "3.1", "3.0", "2.0")
_VECTOR = re.compile(r"[A-Za-z0-9.:/()]{7,300}")


def read_score(data: dict[str, Any], version: str, source: str, primary: bool, severity: str = "") -> dict[str, Any]:
    """Return a score out of CVSS data as NVD and CVE records hold it; an empty one if it has no sound score.

    Args:
        data: ``vectorString``, ``baseScore`` and (since version 3) ``baseSeverity``.
        version: of CVSS, for example ``3.1``.
        source: who gave it.
        primary: whether the format's first authority gave it.
        severity: the severity where it stands outside ``data`` (version 2 in NVD).
    """
    score = data.get("baseScore")
    if not isinstance(score, int | float) or isinstance(score, bool) or not 0 <= score <= 10:
        return {}
    vector = string(data, "vectorString")
    word = (severity or string(data, "baseSeverity")).capitalize()
    return {
        "version": version,
        "vector": vector if _VECTOR.fullmatch(vector) else "",
        "score": float(score),
        "severity": word if word in CVSS_WORDS else cvss_word(score, version),
        "source": source,
        "primary": primary,
    }


def preferred(scores: Iterable[dict[str, Any]]) -> list[dict[str, Any]]:
    """Return the sound scores, the one to tell first: the newest version of CVSS, then the primary source."""
    sound = [score for score in scores if score]
    return sorted(
        sound,
        key=lambda item: (PREFERENCE.index(item["version"]), not item["primary"], item["source"], item["vector"]),
    )


def score_line(score: dict[str, Any]) -> str:
    """Return a score in one line for people."""
    vector = f", {score['vector']}" if score["vector"] else ""
    return f"Severity: {score['severity']} (CVSS {score['version']} base score {score['score']:g}{vector})"
