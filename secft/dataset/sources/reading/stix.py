"""STIX objects of a bundle, which may hold several versions of one object.

Source: STIX 2.1, section 3.6, "Versioning": objects of one id are versions; the one modified last is in force.
"""

from __future__ import annotations

from typing import Any

from secft.dataset.sources.reading.json_values import mappings, string


def _modified(item: dict[str, Any]) -> tuple[str, str]:
    """Return when a version was made, so that it sorts: to the second, and the digits behind."""
    stamp = string(item, "modified") or string(item, "created")
    return stamp[:19], stamp[19:].strip(".Zz")


def newest_objects(bundle: dict[str, Any]) -> list[dict[str, Any]]:
    """Return the objects of a bundle, each in its newest version, in the order in which their ids come first.

    Of versions with the same time the last one stands; objects without an id are all kept.
    """
    found: dict[str, dict[str, Any]] = {}
    for number, item in enumerate(mappings(bundle, "objects")):
        key = string(item, "id") or f"object {number}"
        if key not in found or _modified(item) >= _modified(found[key]):
            found[key] = item
    return list(found.values())
