"""Between records and JSON: dataclasses in, plain values out, and back with every type checked."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import fields, is_dataclass
from pathlib import Path
from typing import Any, TypeVar

from secft.errors import InputError
from secft.files import read_json

Document = TypeVar("Document")
_ADAPTERS: dict[Any, Any] = {}
Words = Mapping[str, str]
"""Language (``en``, ``es``) -> what something is called."""


def as_json(value: Any) -> Any:
    """Return a record as plain values; a field that is None by default is left out where it is None."""
    if is_dataclass(value) and not isinstance(value, type):
        found = {field: getattr(value, field.name) for field in fields(value)}
        return {
            field.name: as_json(one) for field, one in found.items() if one is not None or field.default is not None
        }
    if isinstance(value, Mapping):
        return {key: as_json(inner) for key, inner in value.items()}
    if isinstance(value, list | tuple):
        return [as_json(inner) for inner in value]
    return value


def from_json(kind: type[Document], value: Any, where: str) -> Document:
    """Return plain values as a record; keys that the record does not have are passed over.

    Args:
        kind: a dataclass.
        value: what a JSON file holds.
        where: which file, for the error.

    Raises:
        InputError: something is missing or of another type.
    """
    from pydantic import TypeAdapter, ValidationError  # a fifth of a second: only where a document is read

    if kind not in _ADAPTERS:
        _ADAPTERS[kind] = TypeAdapter(kind)
    try:
        found: Document = _ADAPTERS[kind].validate_python(value)
        return found
    except ValidationError as error:
        first = error.errors()[0]
        place = ".".join(map(str, first["loc"])) or "the file"
        raise InputError(f"{where}: {place}: {first['msg']} ({error.error_count()} problems in all).") from error


def read_document(kind: type[Document], path: Path) -> Document:
    """Read a record from a JSON file.

    Raises:
        InputError: the file is missing, no JSON, or not such a record.
    """
    return from_json(kind, read_json(path), str(path))
