"""A reason: a code with a value, how it is spelled in files, and its words for people."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from typing import Literal

from secft.reasons.kinds import SPANISH_KINDS
from secft.reasons.tables import WORDS, WORDS_BEFORE

Language = Literal["en", "es"]


@dataclass(frozen=True, order=True)
class Reason:
    """A reason, or the name of a step.

    Attributes:
        code: one of WORDS, or an empty string for what an earlier version wrote and nobody knows.
        value: what the words speak of: a limit, a name; for an unknown reason its whole text.
    """

    code: str
    value: str = ""

    def __post_init__(self) -> None:
        """Refuse a code that has no words: a free sentence is no reason."""
        if self.code and self.code not in WORDS:
            raise ValueError(f"{self.code!r} is no reason of secft/reasons")

    def __str__(self) -> str:
        return f"{self.code} {self.value}".strip()

    def text(self, language: Language = "en") -> str:
        """Return the words for people."""
        english, spanish = WORDS.get(self.code, ("{0}", "{0}"))
        words = spanish if language == "es" else english
        if self.code == "teacher.situation":
            return words.format(read_reason(self.value).text(language))
        value = kind_text(self.value, language) if self.code == "balance.cap" else self.value
        return words.format(value)


def kind_text(kind: str, language: Language = "en") -> str:
    """Return what reports call a kind of example."""
    return SPANISH_KINDS.get(kind, kind) if language == "es" else kind


@cache
def read_reason(spelling: str) -> Reason:
    """Return the reason of a spelling, or of the words that a manifest of an earlier version holds."""
    code, _, value = spelling.partition(" ")
    if code in WORDS and ("{0}" in WORDS[code][0]) == bool(value):
        return Reason(code, value)
    for known, pattern in _patterns():
        match = pattern.fullmatch(spelling)
        if match:
            return Reason(known, *match.groups())
    return Reason("", spelling)


def reason_text(spelling: str, language: Language = "en") -> str:
    """Return the words of a spelled reason."""
    return read_reason(spelling).text(language)


def counted_text(dropped: Mapping[str, int], language: Language = "en") -> str:
    """Return the words of counted reasons in one line: ``encrypted: 2; not valid JSON: 1``."""
    return "; ".join(f"{reason_text(spelling, language)}: {count}" for spelling, count in dropped.items())


@cache
def _patterns() -> list[tuple[str, re.Pattern[str]]]:
    """Return English words as patterns: of earlier versions, of today without a value, and with one."""
    today = sorted(((words, code) for code, (words, _) in WORDS.items()), key=lambda item: "{0}" in item[0])
    return [(code, _pattern(words)) for words, code in [*WORDS_BEFORE.items(), *today]]


def _pattern(words: str) -> re.Pattern[str]:
    return re.compile(re.escape(words).replace(r"\{0\}", "(.+)").replace(r"\{n\}", r"(\d+)"))
