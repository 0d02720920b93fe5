"""Say in words which versions of a product are affected."""

from __future__ import annotations

import re
from typing import Any

from secft.dataset.sources.reading.json_values import mappings, string

_UNSTATED = ("", "n/a", "unspecified", "unknown")
_FIRST = ("0", "*", "all")
_CPE_PARTS = re.compile(r"(?:[^\\:]|\\.)*")


def between(start: str, end: str, start_included: bool = True, end_included: bool = False) -> str:
    """Return a range in words: ``from 2.0 before 2.15.0``, ``through 1.2``, ``after 3.1``; empty for no bound."""
    opening = f"{'from' if start_included else 'after'} {start}" if start else ""
    closing = f"{'through' if end_included else 'before'} {end}" if end else ""
    return " ".join(part for part in (opening, closing) if part)


def cpe_parts(name: str) -> list[str]:
    """Return the parts of a CPE 2.3 name: cpe, 2.3, part, vendor, product, version, update, ...; escapes undone.

    Source: NIST IR 7695, section 6.2 (formatted string binding).
    """
    if "\\" not in name:
        return name.split(":")
    parts: list[str] = []
    at = 0
    while at <= len(name):
        match = _CPE_PARTS.match(name, at)
        end = match.end() if match else len(name)
        parts.append(re.sub(r"\\(.)", r"\1", name[at:end]))
        at = end + 1
    return parts


def cpe_versions(match: dict[str, Any], version: str, update: str) -> str:
    """Return the versions that an NVD ``cpeMatch`` means, in words."""
    start, end = string(match, "versionStartIncluding"), string(match, "versionEndIncluding")
    after, before = string(match, "versionStartExcluding"), string(match, "versionEndExcluding")
    bounds = between(start or after, end or before, bool(start), bool(end))
    if bounds:
        return bounds
    if version == "*":
        return "all versions"
    if version == "-":
        return "version not stated"
    return f"{version} {update}" if update not in ("", "*", "-") else version


def _record_range(item: dict[str, Any]) -> str:
    start = string(item, "version")
    below, through = string(item, "lessThan"), string(item, "lessThanOrEqual")
    if not below and not through:
        if start.lower() in ("*", "all"):
            return "all versions"
        return "" if start.lower() in _UNSTATED else start
    end = through or below
    first = "" if start.lower() in _UNSTATED + _FIRST else start
    if end == "*":
        return between(first, "") or "all versions"
    return between(first, end, end_included=bool(through))


def record_versions(item: dict[str, Any]) -> list[str]:
    """Return the versions of an ``affected`` entry of a CVE JSON 5 record, in words; empty where it says nothing.

    Source: CVE JSON schema 5.1, "product" and "versions".
    """
    versions = mappings(item, "versions")
    hit = [_record_range(version) for version in versions if string(version, "status") == "affected"]
    if string(item, "defaultStatus") == "affected":
        spared = [_record_range(version) for version in versions if string(version, "status") == "unaffected"]
        named = ", ".join(part for part in spared if part)
        return [f"all versions except {named}" if named else "all versions"]
    return list(dict.fromkeys(part for part in hit if part))


def affects(item: dict[str, Any]) -> bool:
    """Tell whether an ``affected`` entry names anything that is affected."""
    states = [string(version, "status") for version in mappings(item, "versions")]
    return "affected" in states or string(item, "defaultStatus") == "affected" or not states
