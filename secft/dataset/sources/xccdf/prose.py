"""The prose of XCCDF: elements with embedded XHTML become text, substituted values stand where they are used."""

from __future__ import annotations

import html
import re
from collections.abc import Mapping
from typing import Any

from secft.dataset.sources.reading.xml import local_name

_BLOCKS = ("p", "pre", "div", "ul", "ol", "table", "tr", "blockquote", "dl", "dt", "dd", "h1", "h2", "h3", "h4")
_SPACE = re.compile(r"\s+")
_EMPTY_LINE = re.compile(r"\s*\n[ \t\r]*\n\s*")
_STIG_PART = re.compile(r"<(\w+)>(.*?)</\1>", re.DOTALL)

Values = Mapping[str, str]
"""Id of an XCCDF value or plain-text -> its text."""


class _Writer:
    """Collects text: space is single outside ``pre``, blocks are separated by an empty line.

    Where text has no markup at all, as in STIGs, its own empty lines separate paragraphs.
    """

    def __init__(self, values: Values, plain: bool) -> None:
        self.values, self.plain = values, plain
        self.pieces: list[str] = []

    def text(self, text: str | None, keep: bool) -> None:
        """Add character data."""
        said = (text or "") if keep else self._single(text or "")
        last = self.pieces[-1][-1:] if self.pieces else "\n"
        if not keep and last.isspace():
            said = said.lstrip(" ")
        if said:
            self.pieces.append(said)

    def _single(self, text: str) -> str:
        if not self.plain:
            return _SPACE.sub(" ", text)
        return "\n\n".join(_SPACE.sub(" ", part) for part in _EMPTY_LINE.split(text))

    def element(self, element: Any, keep: bool = False) -> None:
        """Add an element with everything in it, but not what follows it."""
        name = local_name(element.tag)
        keep = keep or name == "pre"
        if name in _BLOCKS:
            self.pieces.append("\n\n")
        elif name == "li":
            self.pieces.append("\n- ")
        elif name == "br":
            self.pieces.append("\n")
        elif name == "sub":
            self.pieces.append(substituted(element, self.values))
        self.text(element.text, keep)
        for child in element:
            self.element(child, keep)
            self.text(child.tail, keep)
        if name in _BLOCKS:
            self.pieces.append("\n\n")

    def result(self) -> str:
        """Return everything, without trailing space and with at most one empty line in a row."""
        joined = re.sub(r"[ \t\r]+\n", "\n", "".join(self.pieces))
        return re.sub(r"\n{3,}", "\n\n", re.sub(r"\n (?=\S)", "\n", joined)).strip()


def substituted(element: Any, values: Values) -> str:
    """Return what stands in place of a ``sub`` element: the value, or its name in brackets."""
    identifier = element.get("idref") or ""
    return values.get(identifier) or f"[{short_id(identifier)}]"


def prose(element: Any, values: Values) -> str:
    """Return an element's text for people."""
    writer = _Writer(values, plain=all(local_name(child.tag) == "sub" for child in element))
    writer.element(element)
    return writer.result()


def script(element: Any, values: Values) -> str:
    """Return an element's text as it is, with values in place: remediation scripts keep their lines."""
    pieces = [element.text or ""]
    for child in element:
        pieces.append(substituted(child, values) if local_name(child.tag) == "sub" else script(child, values))
        pieces.append(child.tail or "")
    return "".join(pieces).strip("\n")


def stig_parts(description: str) -> dict[str, str]:
    """Return the parts of a DISA STIG's description, which is XML inside text; empty for any other description."""
    if "<VulnDiscussion>" not in description:
        return {}
    parts = {name: html.unescape(text).strip() for name, text in _STIG_PART.findall(description)}
    return {name: text for name, text in parts.items() if text}


def short_id(identifier: str) -> str:
    """Return the last part of an XCCDF 1.2 id (``xccdf_<namespace>_rule_<name>``), or an id of 1.1 as it is."""
    match = re.fullmatch(r"xccdf_[^_]+_(?:benchmark|rule|group|value|profile)_(.+)", identifier)
    return match.group(1) if match else identifier
