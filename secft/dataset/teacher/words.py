"""Words as the checks compare them: content words in a simple stem, numbers, names, negations."""

from __future__ import annotations

import re
from functools import lru_cache

_WORD = re.compile(r"[A-Za-z][A-Za-z0-9'’_.+#-]*[A-Za-z0-9+#]|[A-Za-z]")
_NUMBER = re.compile(r"(?<![\w.-])\d+(?:[.,:]\d+)*(?![\w-])")
_NEGATION = re.compile(r"\b(?:not|no|never|none|neither|nor|without|cannot|can't|don't|doesn't|isn't|aren't|won't|"
                       r"shouldn't|lack(?:s|ing)?|fails? to|unable)\b", re.IGNORECASE)  # fmt: skip
_STOP_WORDS = """
    a about above after again against all also although am an and any are as at be because been before being below
    between both but by can cannot could did do does doing done down during each either else etc ever every few for
    from further given had has have having he her here hers him his how however i if in instead into is it its itself
    just kind least less let like likely made make makes many may me might more most much must my need needs neither no
    nor not of off often on once one only onto or other others our out over own part per please possible rather s same
    she should since so some someone something such than that the their them then there these they thing things this
    those through thus to too toward towards under unless until up upon us use used uses using various very via was way
    ways we well were what when where whether which while who whom whose why will with within without would yet you
    your yours
"""
_STOP = frozenset(_STOP_WORDS.split())
_SUFFIXES = ("ization", "isation", "ations", "ation", "ments", "ment", "ingly", "edly", "ings", "ing", "ities", "ity",
             "ized", "ised", "izes", "ises", "ize", "ise", "ies", "ied", "ions", "ion", "ers", "ers'", "er", "ed", "es",
             "ly", "s", "e", "y")  # fmt: skip
_MIN_STEM = 3


@lru_cache(maxsize=65536)
def stem(word: str) -> str:
    """Return a word without the endings that number, tense and derivation give it; a coarse stem for comparison."""
    plain = word.casefold().replace("’", "'").removesuffix("'s").strip("'.-_")
    for suffix in _SUFFIXES:
        if plain.endswith(suffix) and len(plain) - len(suffix) >= _MIN_STEM:
            return plain.removesuffix(suffix)
    return plain


def _pieces(word: str) -> list[str]:
    return [piece for piece in re.split(r"[-/_]", word) if piece]


@lru_cache(maxsize=4096)
def content_words(text: str) -> tuple[str, ...]:
    """Return the stems of all words that carry meaning, in order; hyphenated words count by their parts."""
    words = [piece for match in _WORD.finditer(text) for piece in _pieces(match.group())]
    return tuple(stem(word) for word in words if word.casefold() not in _STOP and len(word) > 1)


_SPELLED = dict(
    zip("two three four five six seven eight nine ten eleven twelve".split(), map(str, range(2, 13)), strict=True)  # noqa: SIM905
)


def coverage(text: str, source: str) -> float:
    """Return which share of the content words of a text stands in a source, in [0, 1]; 1 for a text without any."""
    words = content_words(text)
    known = set(content_words(source))
    return sum(word in known for word in words) / len(words) if words else 1.0


def numbers(text: str) -> set[str]:
    """Return the numbers of a text; digits inside of words and identifiers are not numbers, words from two on are."""
    spelled = {_SPELLED[word] for word in re.findall(r"[a-z]+", text.casefold()) if word in _SPELLED}
    return {*_NUMBER.findall(text), *spelled}


def names(text: str) -> set[str]:
    """Return the words that are written as names inside of sentences: with a capital, or with several."""
    found: set[str] = set()
    for match in _WORD.finditer(text):
        word = match.group().rstrip(".")
        before = text[: match.start()].rstrip()
        opens = not before or before[-1] in ".!?:\"'“(\n" or before.endswith(("- ", "* "))
        if word[1:] != word[1:].lower() or (word[0].isupper() and not opens):
            found.update(piece.casefold() for piece in _pieces(word) if piece.casefold() not in _STOP)
    return found


def negated(text: str) -> bool:
    """Tell whether a sentence says that something is not so."""
    return _NEGATION.search(text) is not None


def word_runs(text: str, words: int) -> set[str]:
    """Return all runs of ``words`` words of a text, in lower case."""
    parts = re.findall(r"\w+", text.casefold())
    return {" ".join(parts[start : start + words]) for start in range(len(parts) - words + 1)}
