"""One form of a secret or of personal data, and where it stands in a text."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Protocol

Check = Callable[[str], bool]
Finding = tuple[int, int, str]
"""Start, end, kind."""
Parts = Sequence[tuple[int, int]]
"""(start, end) of parts of a text."""

BEFORE, AFTER = 60, 24
"""Characters before and after a value in which the word stands that says what it is."""
CLOSE = 28
"""The same, before a value that no check digit confirms."""


def always(value: str) -> bool:
    """Accept every value that has the form."""
    return True


class Finder(Protocol):
    """Finds values of one or several kinds."""

    @property
    def literals(self) -> tuple[str, ...]:
        """One of these must stand in a text, in lower case, before the finder is asked; empty asks it always."""
        ...

    @property
    def kinds(self) -> frozenset[str]:
        """The kinds of what it finds."""
        ...

    def spans(self, text: str, lower: str, parts: Parts) -> Iterator[Finding]:
        """Yield the findings that begin in some parts of a text.

        Args:
            text: any text.
            lower: the same in lower case, character by character.
            parts: (start, end) of what is searched; a finder that looks for words of its own searches everywhere.
        """
        ...


@dataclass(frozen=True)
class Rule:
    """One form.

    Attributes:
        kind: name of the placeholder.
        pattern: group ``value`` is what is replaced, or the whole match without such a group.
        hints: one of these must stand in the text, in lower case, before anything is searched; empty searches always.
        real: tells a real value from a look-alike.
        near: must stand close before the value, or right after it; None asks for no word.
        reach: characters before the value in which that word is looked for.
        within: the pattern is searched only inside of what this one matches.
        at_hints: a match begins with one of the hints, so that it is tried only there.
        also: must stand in the text as well, in lower case.
    """

    kind: str
    pattern: re.Pattern[str]
    hints: tuple[str, ...] = ()
    real: Check = always
    near: re.Pattern[str] | None = None
    reach: int = BEFORE
    within: re.Pattern[str] | None = None
    at_hints: bool = False
    also: str = ""

    @property
    def literals(self) -> tuple[str, ...]:
        """The hints; see Finder."""
        return self.hints

    @property
    def kinds(self) -> frozenset[str]:
        """The kind; see Finder."""
        return frozenset({self.kind})

    def spans(self, text: str, lower: str, parts: Parts) -> Iterator[Finding]:
        """Yield the findings; see Finder."""
        if self.also and self.also not in lower:
            return
        group = "value" if "value" in self.pattern.groupindex else 0
        for match in self._matches(text, lower, parts):
            start, end = match.span(group)
            if start < end and self.real(text[start:end]) and self._named(text, start, end):
                yield start, end, self.kind

    def _matches(self, text: str, lower: str, parts: Parts) -> Iterator[re.Match[str]]:
        if self.at_hints:
            matches = (self.pattern.match(text, place) for place in places(lower, self.hints))
            yield from (match for match in matches if match)
            return
        if self.within is not None:
            parts = [match.span() for match in self.within.finditer(text)]
        for first, last in parts:
            yield from self.pattern.finditer(text, first, last)

    def _named(self, text: str, start: int, end: int) -> bool:
        if self.near is None:
            return True
        before, after = text[max(0, start - self.reach) : start], text[end : end + AFTER].split("\n")[0]
        return self.near.search(before) is not None or self.near.search(after) is not None


@dataclass(frozen=True)
class Tail:
    """What may stand behind a word.

    Attributes:
        kind: name of the placeholder.
        pattern: matches right behind the word; group ``value`` is what is replaced.
        real: tells a real value from a look-alike.
        before: must match at the end of what stands before the word; None asks for nothing.
    """

    kind: str
    pattern: re.Pattern[str]
    real: Check
    before: re.Pattern[str] | None = None


@dataclass(frozen=True)
class WordRule:
    """A word such as ``password``, and what may stand behind it.

    Attributes:
        stems: literals in lower case with which the word begins.
        word: the word.
        tails: tried in this order; the first one that fits decides.
    """

    stems: tuple[str, ...]
    word: re.Pattern[str]
    tails: tuple[Tail, ...]

    @property
    def literals(self) -> tuple[str, ...]:
        """The stems; see Finder."""
        return self.stems

    @property
    def kinds(self) -> frozenset[str]:
        """The kinds of the tails; see Finder."""
        return frozenset(tail.kind for tail in self.tails)

    def spans(self, text: str, lower: str, parts: Parts) -> Iterator[Finding]:
        """Yield the findings; see Finder."""
        for place in places(lower, self.stems):
            word = self.word.match(text, place)
            if word:
                yield from self._behind(text, place, word.end())

    def _behind(self, text: str, start: int, end: int) -> Iterator[Finding]:
        for tail in self.tails:
            match = tail.pattern.match(text, end)
            if match is None or not tail.real(match["value"]):
                continue
            if tail.before is None or tail.before.search(text[max(0, start - BEFORE) : start]):
                yield (*match.span("value"), tail.kind)
                return


def places(lower: str, hints: Iterable[str]) -> list[int]:
    """Return the places of literals in a text, in order, each once."""
    found = set()
    for hint in hints:
        place = lower.find(hint)
        while place >= 0:
            found.add(place)
            place = lower.find(hint, place + 1)
    return sorted(found)


def words(*alternatives: str) -> re.Pattern[str]:
    """Return a pattern for one of some words, whole, in any case."""
    return re.compile(rf"(?i)(?<![^\W_])(?:{'|'.join(alternatives)})(?![^\W_])")
