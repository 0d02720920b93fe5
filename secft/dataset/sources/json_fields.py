"""Take values of the expected type out of untrusted JSON or YAML; anything else counts as absent."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any


def clean(value: str) -> str:
    """Return a string that can be written as UTF-8: lone surrogates become a question mark."""
    return value if value.isascii() else value.encode("utf-8", "replace").decode("utf-8")


def string(record: Mapping[str, Any], key: str) -> str:
    """Return a string without white space around it, or an empty one."""
    value = record.get(key)
    return clean(value).strip() if isinstance(value, str) else ""


def strings(record: Mapping[str, Any], key: str) -> list[str]:
    """Return the non-empty strings of a list."""
    value = record.get(key)
    items = [clean(item).strip() for item in value if isinstance(item, str)] if isinstance(value, list) else []
    return [item for item in items if item]


def mapping(record: Mapping[str, Any], key: str) -> dict[str, Any]:
    """Return an object, or an empty one."""
    value = record.get(key)
    return value if isinstance(value, dict) else {}


def mappings(record: Mapping[str, Any], key: str) -> list[dict[str, Any]]:
    """Return the objects of a list."""
    value = record.get(key)
    return [item for item in value if isinstance(item, dict)] if isinstance(value, list) else []
