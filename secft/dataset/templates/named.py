"""Tasks ``weakness`` and ``technique``: which entries of CWE or ATT&CK a source names for what it describes."""

from __future__ import annotations

from collections.abc import Sequence

from secft.dataset.templates.writing import Skip
from secft.reasons import Reason
from secft.records import Document

MOST = 6
"""Longer lists of weaknesses or techniques are no answer to learn."""


def weakness_answer(document: Document) -> str | Skip:
    """Return the ids of the weaknesses that a document names, in its order."""
    many = Reason("template.many_weaknesses", str(MOST))
    return _listed(document.fields.get("cwes") or [], Reason("template.no_weakness"), many)


def technique_answer(document: Document) -> str | Skip:
    """Return the ids of the techniques that a document names, in its order."""
    many = Reason("template.many_techniques", str(MOST))
    return _listed(document.fields["techniques"], Reason("template.no_technique"), many)


def _listed(names: Sequence[str], none: Reason, many: Reason) -> str | Skip:
    """Return names as one line, or why they are no answer."""
    if not names:
        return Skip(none)
    return ", ".join(names) if len(names) <= MOST else Skip(many)
