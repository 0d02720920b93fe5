"""Take values of the expected type out of untrusted JSON or YAML; anything else counts as absent."""

from __future__ import annotations

from typing import Any


def clean(value: str) -> str:
    """Return a string that can be written as UTF-8: lone surrogates become a question mark."""
    return value if value.isascii() else value.encode("utf-8", "replace").decode("utf-8")


def _under(value: Any, key: str) -> Any:
    return value.get(key) if isinstance(value, dict) else None


def string(value: Any, key: str) -> str:
    """Return the string under a key without white space around it, or an empty one."""
    inner = _under(value, key)
    return clean(inner).strip() if isinstance(inner, str) else ""


def strings(value: Any, key: str) -> list[str]:
    """Return the non-empty strings of the list under a key."""
    inner = _under(value, key)
    items = [clean(item).strip() for item in inner if isinstance(item, str)] if isinstance(inner, list) else []
    return [item for item in items if item]


def mapping(value: Any, key: str) -> dict[str, Any]:
    """Return the object under a key, or an empty one."""
    inner = _under(value, key)
    return inner if isinstance(inner, dict) else {}


def mappings(value: Any, key: str) -> list[dict[str, Any]]:
    """Return the objects of the list under a key; entries of other types are left out."""
    inner = _under(value, key)
    return [item for item in inner if isinstance(item, dict)] if isinstance(inner, list) else []


def number(value: Any, key: str) -> float | None:
    """Return the number under a key (True and False are none), or None."""
    inner = _under(value, key)
    return float(inner) if isinstance(inner, int | float) and not isinstance(inner, bool) else None
