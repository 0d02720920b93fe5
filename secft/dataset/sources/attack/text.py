"""ATT&CK's Markdown as plain text: no citations, links as their words, code as text."""

from __future__ import annotations

import html
import re

from secft.dataset.text import paragraphs, squeeze, whole_sentences

_CITATION = re.compile(r"\s*\(Citation: [^)]*\)+")
_CLIPPED_CITATION = re.compile(r"\s*\((?:C|Ci|Cit|Cita|Citat|Citati|Citatio|Citation|Citation:[^)]*)\.\.\.$")
_LINK = re.compile(r"\[([^\][]*)\]\((?:https?:)?[^)\s]*\)")
_CLIPPED_LINK = re.compile(r"\[([^\][]*)(?:\](?:\([^)\s]*)?)?\.\.\.$")
_TAG = re.compile(r"</?(?:code|b|i|br|em|strong)\s*/?>")


def _without_markup(description: str) -> str:
    text = _CITATION.sub("", description)
    if text.endswith("..."):
        text = _CLIPPED_LINK.sub(r"\1...", text)
        text = _CLIPPED_CITATION.sub("...", text)
    text = _LINK.sub(r"\1", text)
    text = html.unescape(_TAG.sub("", text)).replace("**", "").replace("`", "")
    return re.sub(r"\s+([.,;])(?=\s|$)", r"\1", paragraphs(text))


def excerpt(description: str, limit: int) -> str:
    """Return the beginning of a description on one line, cut at a word, with ``...`` where it was cut."""
    text = squeeze(_without_markup(description))
    if len(text) <= limit and not text.endswith("..."):
        return text
    return text[:limit].removesuffix("...").rsplit(" ", 1)[0].rstrip(" ,;:(") + " ..."


def plain_text(description: str, clipped: bool = False) -> str:
    """Return an ATT&CK description as plain text.

    Args:
        description: Markdown with ``(Citation: ...)``, links and ``<code>``.
        clipped: the text was cut at a fixed length and ends in ``...``: go back to its last full sentence.
    """
    text = _without_markup(description)
    return whole_sentences(text) if clipped else text
