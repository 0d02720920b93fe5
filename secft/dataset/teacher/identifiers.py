"""Identifiers of public catalogues in a text, and those that no catalogue knows."""

from __future__ import annotations

import re
from collections.abc import Container, Iterable, Mapping

from secft.dataset.seen import SeenIds
from secft.records import Document

_IDENTIFIER = re.compile(
    r"(?<![\w-])(?:CVE-\d{4}-\d{3,}|CWE-\d+|CAPEC-\d+|T[AS]?\d{4}(?:\.\d{3})?|[MGSC]\d{4}|DET\d{4}|DS\d{4})(?![\w-])",
    re.IGNORECASE,
)
_SPACED = re.compile(r"\b(CVE|CWE|CAPEC)[\s_:#]+(?:ID\s*:?\s*)?(\d)", re.IGNORECASE)


def identifiers(text: str) -> set[str]:
    """Return the CVE, CWE, CAPEC and ATT&CK identifiers that a text names, in upper case.

    ``CWE 79`` and ``cwe_79`` are read as ``CWE-79``, so that a loose spelling hides nothing.
    """
    return {match.group().upper() for match in _IDENTIFIER.finditer(_SPACED.sub(r"\1-\2", text))}


def catalogue(documents: Iterable[Document]) -> SeenIds:
    """Return every identifier that the loaded documents are about or refer to."""
    known = SeenIds()
    for document in documents:
        named = identifiers(document.id.rpartition(":")[2]) | identifiers(document.text) | _in_fields(document.fields)
        for identifier in named:
            known.add(identifier)
    return known


def _in_fields(value: object) -> set[str]:
    if isinstance(value, str):
        return identifiers(value)
    if isinstance(value, Mapping):
        return set().union(*(_in_fields(item) for item in value.values()))
    if isinstance(value, list | tuple):
        return set().union(*(_in_fields(item) for item in value))
    return set()


def unfounded(text: str, passage: str, known: Container[str]) -> str | None:
    """Return why the identifiers of a generated text cannot stand, or None.

    Args:
        text: what was generated.
        passage: what it was generated from, title and id included.
        known: identifiers of the loaded catalogues.
    """
    extra = identifiers(text) - identifiers(passage)
    if not extra:
        return None
    if all(identifier in known for identifier in extra):
        return "names an identifier not in its passage"
    return "names an identifier that no catalogue knows"
