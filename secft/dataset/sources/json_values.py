"""Read values out of JSON of unknown quality, like json_fields, and out of what may be no object at all."""

from __future__ import annotations

from typing import Any

from secft.dataset.sources.json_fields import clean


def mapping(value: Any, key: str) -> dict[str, Any]:
    """Return the object under a key, or an empty one."""
    found = value.get(key) if isinstance(value, dict) else None
    return found if isinstance(found, dict) else {}


def objects(value: Any, key: str) -> list[dict[str, Any]]:
    """Return the objects of the list under a key; entries of other types are left out."""
    found = value.get(key) if isinstance(value, dict) else None
    return [item for item in found if isinstance(item, dict)] if isinstance(found, list) else []


def string(value: Any, key: str) -> str:
    """Return the string under a key without surrounding space, or an empty one."""
    found = value.get(key) if isinstance(value, dict) else None
    return clean(found).strip() if isinstance(found, str) else ""


def strings(value: Any, key: str) -> list[str]:
    """Return the non-empty strings of the list under a key."""
    found = value.get(key) if isinstance(value, dict) else None
    items = [clean(item).strip() for item in found if isinstance(item, str)] if isinstance(found, list) else []
    return [item for item in items if item]


def number(value: Any, key: str) -> float | None:
    """Return the number under a key (True and False are none), or None."""
    found = value.get(key) if isinstance(value, dict) else None
    return float(found) if isinstance(found, int | float) and not isinstance(found, bool) else None
