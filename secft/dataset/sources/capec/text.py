"""CAPEC's descriptions as plain text: XHTML becomes paragraphs and lists; ``<script>`` in a sentence is text."""

from __future__ import annotations

import html
import re

from secft.dataset.text import paragraphs

_TAG = re.compile(r"<(?:/?xhtml:(\w{1,20})|/?(p|div|ul|ol|li|br))(?:\s[^<>]{0,500})?/?>")
_BREAKS = {
    "p": "\n\n",
    "div": "\n",
    "ul": "\n",
    "ol": "\n",
    "br": "\n",
    "tr": "\n",
    "table": "\n\n",
    "td": " ",
    "th": " ",
}


def _replace(match: re.Match[str]) -> str:
    name = match[1] or match[2]
    if name == "li":
        return "\n" if match[0].startswith("</") else "\n- "
    return _BREAKS.get(name, " " if match[0].startswith("<xhtml:i") else "")


def plain_text(description: str) -> str:
    """Return a description as paragraphs separated by empty lines."""
    if "<" not in description:
        return paragraphs(html.unescape(description))
    lines = " ".join(description.split())
    text = paragraphs(html.unescape(_TAG.sub(_replace, lines)))
    return re.sub(r"\n+- ?\n+", "\n- ", re.sub(r"\n\n+(?=- )", "\n", text))
