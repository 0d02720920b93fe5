"""The version ranges of an OSV record as intervals.

Source: OSV schema 1.7, "affected[].ranges[]" and "Evaluation": events stand in any order and are sorted by version;
a version is affected from an ``introduced`` on until a ``fixed`` or behind a ``last_affected``, and only below one of
the limits where there are some. Commits (``GIT``) are no versions.
"""

from __future__ import annotations

import re
from typing import Any

from secft.dataset.sources.osv.version_order import order_of
from secft.dataset.sources.reading.json_values import mapping, mappings, string

_FIRST = ("0", "0.0.0-0")
_RANKS = {"fixed": 0, "limit": 1, "introduced": 2, "last_affected": 3}
"""In which order events of one version count."""
_LAST_KNOWN = "last_known_affected_version_range"
_BOUND = re.compile(r"(<=|<|=)\s*([^\s,<>=]+)")
Interval = dict[str, str]
"""``introduced`` (``0`` for the first version), ``fixed`` or ``last_affected`` (or both empty), and ``limit`` where the
versions that are known to be affected end without a fix."""


def _events(span: dict[str, Any]) -> list[tuple[str, str]]:
    """Return (kind, version) of the events; one object may hold several."""
    return [(key, string(event, key)) for event in mappings(span, "events") for key in _RANKS if string(event, key)]


def _intervals(span: dict[str, Any], ecosystem: str) -> list[Interval]:
    events = [(key, "0" if version in _FIRST else version) for key, version in _events(span)]
    versions = [version for _, version in events if version not in ("0", "*")]
    order = order_of(versions, string(span, "type"), ecosystem)

    def place(event: tuple[str, str]) -> tuple[Any, ...]:
        key, version = event
        return (0, 0, _RANKS[key]) if version == "0" else (1, order(version), _RANKS[key])

    limits = [version for key, version in events if key == "limit"]
    highest = "" if "*" in limits or not limits else max(limits, key=order)
    kept = [event for event in events if event[0] != "limit"] + ([("limit", highest)] if highest else [])
    found: list[Interval] = []
    inside = False
    for key, version in sorted(kept, key=place):
        if key == "introduced" and not inside:
            found.append({"introduced": version, "fixed": "", "last_affected": ""})
        elif key != "introduced" and inside:
            found[-1][key] = version
        if key == "limit":
            break
        inside = key == "introduced"
    return found


def _close(interval: Interval, stated: str) -> None:
    """End an open interval by the range that is known to be affected, such as ``<= 29.0``."""
    for sign, version in _BOUND.findall(stated):
        if sign == "<":
            interval["limit"] = version
        else:
            interval["last_affected"] = version
        if sign == "=":
            interval["introduced"] = version


def intervals_of(affected: dict[str, Any]) -> list[Interval]:
    """Return the intervals of versions that an entry of ``affected`` names, each once."""
    ecosystem = string(mapping(affected, "package"), "ecosystem")
    found: list[Interval] = []
    for span in mappings(affected, "ranges"):
        if string(span, "type") not in ("SEMVER", "ECOSYSTEM"):
            continue
        intervals = _intervals(span, ecosystem)
        holders = (mapping(span, "database_specific"), mapping(affected, "database_specific"))
        stated = next((string(holder, _LAST_KNOWN) for holder in holders if string(holder, _LAST_KNOWN)), "")
        if intervals and not any(intervals[-1].get(key) for key in ("fixed", "last_affected", "limit")):
            _close(intervals[-1], stated)
        found += [interval for interval in intervals if interval not in found]
    return found


def fixing_commits(affected: dict[str, Any]) -> list[str]:
    """Return the commits that fix an entry of ``affected``, each once."""
    spans = [span for span in mappings(affected, "ranges") if span.get("type") == "GIT"]
    return list(dict.fromkeys(commit for span in spans for key, commit in _events(span) if key == "fixed"))
