"""Task ``weakness``: which entries of CWE a source names for what it describes."""

from __future__ import annotations

from collections.abc import Sequence

from secft.dataset.templates.writing import Skip
from secft.records import Document

NONE_NAMED = Skip("no weakness named")
MOST = 6
"""Longer lists of weaknesses are no answer to learn."""


def weakness_answer(document: Document) -> str | Skip:
    """Return the ids of the weaknesses that a document names, in its order."""
    return listed(document.fields.get("cwes") or [], NONE_NAMED.reason, "weaknesses")


def listed(names: Sequence[str], none: str, what: str) -> str | Skip:
    """Return names as one line, or why they are no answer."""
    if not names:
        return Skip(none)
    return ", ".join(names) if len(names) <= MOST else Skip(f"more than {MOST} {what} named")
