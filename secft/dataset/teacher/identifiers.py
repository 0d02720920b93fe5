"""Identifiers of public catalogues in a text, and those that no catalogue knows."""

from __future__ import annotations

from collections.abc import Container, Iterable, Mapping

from secft.dataset.seen import SeenIds
from secft.reasons import Reason
from secft.records import Document
from secft.security.identifiers import loosely_named


def catalogue(documents: Iterable[Document]) -> SeenIds:
    """Return every identifier that the loaded documents are about or refer to."""
    known = SeenIds()
    for document in documents:
        named = (
            loosely_named(document.id.rpartition(":")[2]) | loosely_named(document.text) | _in_fields(document.fields)
        )
        for identifier in named:
            known.add(identifier)
    return known


def _in_fields(value: object) -> set[str]:
    if isinstance(value, str):
        return loosely_named(value)
    if isinstance(value, Mapping):
        return set().union(*(_in_fields(item) for item in value.values()))
    if isinstance(value, list | tuple):
        return set().union(*(_in_fields(item) for item in value))
    return set()


def unfounded(text: str, passage: str, known: Container[str]) -> Reason | None:
    """Return why the identifiers of a generated text cannot stand, or None.

    Args:
        text: what was generated.
        passage: what it was generated from, title and id included.
        known: identifiers of the loaded catalogues.
    """
    extra = loosely_named(text) - loosely_named(passage)
    if not extra:
        return None
    if all(identifier in known for identifier in extra):
        return Reason("teacher.other_identifier")
    return Reason("teacher.unknown_identifier")
