"""Words as they were meant: ligatures and soft hyphens resolved, words divided at the end of a line made whole."""

from __future__ import annotations

import re
import unicodedata
from collections import Counter
from collections.abc import Iterable, Sequence

_WORD = re.compile(r"[^\W\d_]+(?:-[^\W\d_]+)*")
_DIVIDED = re.compile(r"([^\W\d_]+)-$")
_FIRST = re.compile(r"[^\W\d_]+")
_LIGATURE = re.compile("[\ufb00-\ufb06]")
_PLAIN = str.maketrans({"\u2010": "-", "\u2011": "-", "\u00a0": " ", "\u200b": None, "\ufeff": None, "\u2060": None})
_SIGNS = {0xA8: "☐", 0x6C: "●", 0x6E: "■", 0x6F: "☐", 0xA1: "○", 0xFB: "✗", 0xFC: "✓", 0xFD: "☒", 0xFE: "☑"}
SYMBOLS = {code + base: sign for code, sign in _SIGNS.items() for base in (0, 0xF000)}
"""What the font Wingdings shows in the place of letters, as its characters or in the area of private use."""
_PLAIN.update({code: sign for code, sign in SYMBOLS.items() if code >= 0xF000 and sign in "✓✗☒☑"})
_CONTROL = re.compile(r"[\x00-\x08\x0b-\x1f\x7f]")
_PREFIX = 3
"""Shorter parts of a word, such as ``re`` and ``in``, say nothing about a hyphen."""


def plain(text: str) -> str:
    """Resolve ligatures, unusual hyphens and spaces; a soft hyphen at the end of a line becomes a hyphen."""
    if text.isascii() and "\x02" not in text:
        return _CONTROL.sub("", text)
    if text.endswith("\u00ad"):
        text = f"{text[:-1]}-"
    text = text.replace("\u00ad", "").translate(_PLAIN)
    text = _LIGATURE.sub(lambda match: unicodedata.normalize("NFKC", match.group()), text)
    return _CONTROL.sub("", unicodedata.normalize("NFC", text))


class DocumentWords:
    """The words of one document, to decide what a hyphen at the end of a line means."""

    def __init__(self, lines: Iterable[str]) -> None:
        self._counts: Counter[str] = Counter()
        divided = False
        for line in lines:
            words = _WORD.findall(line.casefold())
            # The two halves of a divided word are no words.
            start, divided = int(divided), line.endswith("-")
            self._counts.update(words[start:-1] if divided else words[start:])

    def joined(self, before: str, after: str) -> str:
        """Return two lines as one: with a space, or with a divided word made whole.

        ``cross-`` and ``site`` keep their hyphen if the document has ``cross-site`` more often than ``crosssite``, or
        knows both parts as words but not the whole; ``imple-`` and ``mentation`` lose it.
        """
        left, right = _DIVIDED.search(before), _FIRST.match(after)
        if before.endswith("-") and len(before) > 1 and not before[-2].isspace():
            if left and right and self._whole(left.group(1), right.group()):
                return before[:-1] + after
            return before + after
        return f"{before} {after}"

    def _whole(self, left: str, right: str) -> bool:
        if not right.islower():
            return False
        first, second = left.casefold(), right.casefold()
        together, hyphenated = self._counts[first + second], self._counts[f"{first}-{second}"]
        if together or hyphenated:
            return together >= hyphenated
        known = min(len(first), len(second)) >= _PREFIX and self._counts[first] and self._counts[second]
        return not known

    def paragraph(self, lines: Sequence[str]) -> str:
        """Return the lines of a paragraph as one."""
        whole = ""
        for line in lines:
            whole = self.joined(whole, line) if whole else line
        return whole
