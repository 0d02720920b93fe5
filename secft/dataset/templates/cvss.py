"""Severity from a CVSS 3 vector.

Source: FIRST, CVSS v3.1 specification, section 7.1 (base equations), 7.4 (metric values), 5 (severity scale) and
appendix A (rounding). Version 3.0 differs in nothing that the base score of a vector depends on but the rounding.
"""

from __future__ import annotations

import re

SEVERITIES = ("None", "Low", "Medium", "High", "Critical")
"""Classes of CVSS 3 and 4, the mildest first."""

_VECTOR = re.compile(
    r"CVSS:3\.[01]/AV:(?P<AV>[NALP])/AC:(?P<AC>[LH])/PR:(?P<PR>[NLH])/UI:(?P<UI>[NR])/S:(?P<S>[UC])"
    r"/C:(?P<C>[NLH])/I:(?P<I>[NLH])/A:(?P<A>[NLH])(?:/.*)?"
)
_VALUES = {
    "AV": {"N": 0.85, "A": 0.62, "L": 0.55, "P": 0.2},
    "AC": {"L": 0.77, "H": 0.44},
    "UI": {"N": 0.85, "R": 0.62},
}
_IMPACT = {"N": 0.0, "L": 0.22, "H": 0.56}
_PRIVILEGES = {"U": {"N": 0.85, "L": 0.62, "H": 0.27}, "C": {"N": 0.85, "L": 0.68, "H": 0.5}}


def _rounded_up(value: float) -> float:
    whole = round(value * 100_000)
    return whole / 100_000 if whole % 10_000 == 0 else (whole // 10_000 + 1) / 10


def base_score(vector: str) -> float | None:
    """Return the base score (0 to 10) of a CVSS 3.0 or 3.1 vector, or None for anything else."""
    found = _VECTOR.fullmatch(vector)
    if found is None:
        return None
    changed = found["S"] == "C"
    lost = 1 - (1 - _IMPACT[found["C"]]) * (1 - _IMPACT[found["I"]]) * (1 - _IMPACT[found["A"]])
    impact = 7.52 * (lost - 0.029) - 3.25 * (lost - 0.02) ** 15 if changed else 6.42 * lost
    if impact <= 0:
        return 0.0
    ease = 8.22 * _PRIVILEGES[found["S"]][found["PR"]]
    for metric, values in _VALUES.items():
        ease *= values[found[metric]]
    return _rounded_up(min((1.08 if changed else 1.0) * (impact + ease), 10))


def severity(vector: str) -> str:
    """Return the class of a CVSS 3 vector, or an empty string for anything else."""
    score = base_score(vector)
    if score is None:
        return ""
    return SEVERITIES[(score > 0) + (score >= 4) + (score >= 7) + (score >= 9)]
