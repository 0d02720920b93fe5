"""Longer answers: the beginning of a text with its lists and code, cut where a line or a sentence ends."""

from __future__ import annotations

import re

from secft.dataset.text import cut, sentences

_ITEM = re.compile(r"\s*(?:[-*•]|\(?[0-9a-z]{1,3}[.)])\s")
_SENTENCE_END = (".", "!", "?", '."', ".)", ".'", "。")
_INITIAL = re.compile(r"\s[A-Z]\.$")
_LOOSE_END = re.compile(r"[;,](?:\s+(?:and|or))?$")
FENCE = "```"


def _units(text: str) -> list[str]:
    """Return lines; code between fences is one unit."""
    units: list[str] = []
    code: list[str] = []
    for line in text.splitlines():
        if code or line.startswith(FENCE):
            code.append(line.rstrip())
            if len(code) > 1 and line.startswith(FENCE):
                units.append("\n".join(code))
                code = []
        else:
            units.append(line.rstrip())
    return units


def _bare(unit: str) -> bool:
    """Tell whether a line looks like a heading: neither a sentence nor an item of a list nor code."""
    return not (unit.startswith(FENCE) or _ITEM.match(unit) or unit.endswith(_SENTENCE_END))


def passage(text: str, limit: int) -> str:
    """Return the beginning of a text in whole lines, items and blocks of code.

    Args:
        text: paragraphs and lists; code stands between lines of three backticks.
        limit: most characters of the result.

    Returns:
        At most ``limit`` characters; a line that does not fit is cut at a sentence. Nothing ends in an announcement
        of something that did not fit. Empty if not even the first sentence fits.
    """
    kept: list[str] = []
    size, whole = 0, True
    for unit in _units(text.strip()):
        if size + len(unit) > limit:
            whole = False
            rest = "" if unit.startswith(FENCE) or _ITEM.match(unit) else _cut(unit, limit - size)
            kept += [rest] if rest else []
            break
        kept.append(unit)
        size += len(unit) + 1
    while kept and (not kept[-1].strip() or kept[-1].endswith(":") or (not whole and _bare(kept[-1]))):
        kept.pop()
        whole = False
    if kept and not whole:
        kept[-1] = _LOOSE_END.sub(".", kept[-1])
    return "\n".join(kept)


def _cut(line: str, limit: int) -> str:
    """Return the sentences of a line that fit; an initial of a name ends none."""
    found = sentences(cut(line, limit))
    while found and _INITIAL.search(found[-1]):
        found.pop()
    return " ".join(found)


def first_lines(text: str, limit: int) -> str:
    """Return as many whole lines from the start of a text as fit, without empty ones."""
    kept: list[str] = []
    for line in filter(str.strip, text.splitlines()):
        if sum(len(one) + 1 for one in kept) + len(line) > limit:
            break
        kept.append(line.rstrip())
    return "\n".join(kept)
