"""Texts of records in Markdown for people: no markup, no link but to the web, nothing that commands a terminal."""

from __future__ import annotations

import re
from typing import Any
from urllib.parse import quote, urlsplit

from secft.columns import plain_text

_SPECIAL = re.compile(r"([\\`*_{}\[\]<>|#]|&(?=#?\w{1,40};)|~(?=~))")
_SAFE = "/:?=&%+,;@$~.-_"
"""Characters of an address that mean nothing in Markdown."""


def one_line(value: Any) -> str:
    """Return any value as one line without what could command a terminal, hide or reorder text."""
    return plain_text(" ".join(str(value).split()))


def markdown(value: Any) -> str:
    """Make any text safe inside a line or a table cell of Markdown: one line, no markup, no HTML, no link."""
    text = _SPECIAL.sub(r"\\\1", one_line(value))
    return text.replace("://", ":\\//").replace("www.", "www\\.")


def code(value: Any) -> str:
    """Make any text a code span that it cannot break out of, also inside a table."""
    text = one_line(value).replace("|", "¦")
    fence = "`" * (max(map(len, re.findall(r"`+", text)), default=0) + 1)
    return f"{fence}{text}{fence}" if fence == "`" else f"{fence} {text} {fence}"


def block(text: str) -> str:
    """Make any text a block of code that it cannot break out of, with its lines."""
    shown = plain_text("\n".join(text.splitlines()))
    fence = "`" * max(3, max(map(len, re.findall(r"`+", shown)), default=0) + 1)
    return f"{fence}text\n{shown}\n{fence}"


def link(text: Any, address: Any) -> str:
    """Return a link to a page of the web; an address of another kind is left out."""
    try:
        web = urlsplit(str(address)).scheme in ("http", "https")
    except ValueError:
        web = False
    return f"[{markdown(text)}]({quote(one_line(address), safe=_SAFE)})" if web else markdown(text)
