"""Identifiers that a text names: CVE, CWE, CAPEC, ATT&CK techniques."""

from __future__ import annotations

import re

_PATTERNS = {
    "cves": re.compile(r"\bCVE-\d{4}-\d{4,}\b"),
    "cwes": re.compile(r"\bCWE-[1-9]\d{0,6}\b"),
    "capecs": re.compile(r"\bCAPEC-[1-9]\d{0,6}\b"),
    "techniques": re.compile(r"(?<![\w.-])T1\d{3}(?:\.\d{3})?(?![\w-]|\.\d)"),
}


def named_ids(text: str) -> dict[str, list[str]]:
    """Return ``cves``, ``cwes``, ``capecs`` and ``techniques`` -> the ids in a text, each once, in order."""
    return {kind: list(dict.fromkeys(pattern.findall(text))) for kind, pattern in _PATTERNS.items()}
