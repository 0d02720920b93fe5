"""Checked rewards: how right an answer is, told from the answer alone, without a model that judges.

A question with choices is answered right by naming the right choice and no other. Any other answer is measured by its
facts: the identifiers and numbers of the right answer that it gives, and those that it makes up. Only the standard
library is used here: runners in other environments import this file by its path.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Sequence

IDENTIFIER = re.compile(
    r"\b(?:CWE-\d+|CAPEC-\d+|CVE-\d{4}-\d{4,}|TA\d{4}|T\d{4}(?:\.\d{3})?|M\d{4}|[SG]\d{4})\b", re.IGNORECASE
)
NUMBER = re.compile(r"(?<![\w.-])\d+(?:\.\d+)?(?![\w-])")
LETTER = re.compile(r"^\W*([A-Z])(?:[.):](?:\s+|$)|$)")
MAX_CHARACTERS = 20_000
"""Of an answer that are read; a longer one is cut."""

WORDS_WEIGHT = 0.3
"""Weight of the words beside the facts of an open answer."""
UNNAMED_CEILING = 0.2
"""The most that an answer gets that names no choice: it may go in the right direction, but it does not answer."""


def reward(completion: str, answer: str, choices: Sequence[str] = ()) -> float:
    """Return how right a completion is.

    Args:
        completion: what the model said, without special tokens.
        answer: the right answer; of a question with choices the right choice, word for word.
        choices: all choices, with or without a letter before each (``B. Discovery``); empty for an open question.

    Returns:
        From 0 (wrong, or no answer) to 1 (right).
    """
    said = completion[:MAX_CHARACTERS].strip()
    if not said:
        return 0.0
    if choices:
        return _choice_reward(said, answer, choices)
    return _fact_reward(said, answer)


def _choice_reward(said: str, answer: str, choices: Sequence[str]) -> float:
    named = named_choices(said, choices)
    if not named:
        return UNNAMED_CEILING * _overlap(words(said), words(_without_letter(answer)))
    right = {number for number, choice in enumerate(choices) if words(choice) == words(answer)}
    return 1.0 if named <= right else 0.0


def named_choices(said: str, choices: Sequence[str]) -> set[int]:
    """Return the numbers of the choices that an answer names, by its text or by its letter at the very beginning.

    A choice that stands only inside a longer one that is named too (``Collection`` in ``Data Collection``) is not
    named.
    """
    spoken = f" {' '.join(words(said))} "
    texts = [" ".join(words(_without_letter(choice))) for choice in choices]
    # Longer choices first; what they cover cannot name a shorter one any more.
    named: set[int] = set()
    for number in sorted(range(len(texts)), key=lambda index: (-len(texts[index]), index)):
        wanted = f" {texts[number]} "
        if texts[number] and wanted in spoken:
            named.add(number)
            spoken = spoken.replace(wanted, " | ")
    return named | _lettered(said, choices)


def _lettered(said: str, choices: Sequence[str]) -> set[int]:
    own = LETTER.match(said)
    if own is None:
        return set()
    letters = [LETTER.match(choice) for choice in choices]
    return {number for number, letter in enumerate(letters) if letter is not None and letter.group(1) == own.group(1)}


def _fact_reward(said: str, answer: str) -> float:
    wanted, given = facts(answer), facts(said)
    alike = _overlap(words(said), words(answer))
    if not wanted:
        return alike
    return (1 - WORDS_WEIGHT) * _overlap(given, wanted) + WORDS_WEIGHT * alike


def facts(text: str) -> list[str]:
    """Return what can be checked in a text: its identifiers, and the numbers outside of them, each once."""
    found = [identifier.upper() for identifier in IDENTIFIER.findall(text)]
    rest = IDENTIFIER.sub(" ", text)
    return sorted({*found, *NUMBER.findall(rest)})


def words(text: str) -> list[str]:
    """Return the words of a text in lower case, without punctuation."""
    return re.findall(r"\w+", text.casefold())


def _without_letter(choice: str) -> str:
    letter = LETTER.match(choice)
    return choice if letter is None else choice[letter.end() :] or choice


def _overlap(given: Iterable[str], wanted: Iterable[str]) -> float:
    """Return the harmonic mean of precision and recall of two bags of words.

    Source: van Rijsbergen 1979, Information Retrieval, chapter 7.
    """
    one, other = Counter(given), Counter(wanted)
    shared = sum((one & other).values())
    if not shared:
        return 0.0
    precision, recall = shared / sum(one.values()), shared / sum(other.values())
    return 2 * precision * recall / (precision + recall)
