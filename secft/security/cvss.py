"""CVSS vectors: the base score of versions 2, 3.0, 3.1 and 4.0, and what CVSS calls it."""

from __future__ import annotations

from secft.security.severity import cvss_word

_LONGEST = 300
"""Characters of a vector with all metrics of version 4, and more; a longer text is none."""


def version_of(vector: str) -> str:
    """Return the version of CVSS that a vector is written in by its beginning: ``2.0``, ``3.0``, ``3.1`` or ``4.0``."""
    if vector.startswith("CVSS:"):
        return vector[len("CVSS:") :].partition("/")[0]
    return "2.0"


def base_score(vector: str) -> float | None:
    """Return the base score (0 to 10) of a CVSS vector of any version, or None for what is none."""
    from cvss import CVSS2, CVSS3, CVSS4
    from cvss.exceptions import CVSSError

    kind = {"2.0": CVSS2, "3.0": CVSS3, "3.1": CVSS3, "4.0": CVSS4}.get(version_of(vector))
    if kind is None or len(vector) > _LONGEST:
        return None
    try:
        return float(kind(vector).base_score)
    except CVSSError:
        return None


def severity(vector: str) -> str:
    """Return what CVSS calls the base score of a vector (``High``), or an empty string for what is no vector."""
    score = base_score(vector)
    return "" if score is None else cvss_word(score, version_of(vector))
