"""What of a text is compared: its words in their plain form, in runs (shingles), as sets."""

from __future__ import annotations

import re
from typing import NamedTuple

from secft.dataset.clean import comparable
from secft.records import Example, calls_text


class Text(NamedTuple):
    """One text to be compared with others of its group.

    Attributes:
        key: unique name.
        group: only texts of one group can be duplicates of each other.
        text: as people read it; its words are compared, see secft.dataset.clean.comparable.
    """

    key: str
    group: str
    text: str


def conversation(example: Example) -> str:
    """Return the conversation of an example without its system message."""
    return example.text(separator=" ")


def compared_text(example: Example) -> str:
    """Return what of an example is compared: all questions and answers, in the form for comparison."""
    return comparable(conversation(example))


def compared_group(example: Example) -> str:
    """Return the name of the group within which an example can have duplicates: its task, right and worse answer.

    Two pairs with one better and two worse answers teach two things, and so do a good and a bad answer.
    """
    parts = [example.task]
    if example.choices:  # lettered options in another order are the same answer
        parts.append(re.sub("^[A-Z][.] ", "", example.choices[example.answer]))
    if example.rejected or example.rejected_calls or example.label is False:
        parts += ["", f"{example.label}", comparable(example.rejected), calls_text(example.rejected_calls)]
    return "\x1f".join(parts)


def compared(example: Example, key: str) -> Text:
    """Return an example as a text to be compared."""
    return Text(key, compared_group(example), conversation(example))


def shingles(text: str, words: int) -> frozenset[str]:
    """Return all runs of ``words`` words of a text; a shorter text is one shingle."""
    parts = text.split()
    return frozenset(" ".join(parts[start : start + words]) for start in range(max(1, len(parts) - words + 1)))


def jaccard(left: frozenset[str], right: frozenset[str]) -> float:
    """Return |A & B| / |A | B|, in [0, 1]."""
    shared = len(left & right)
    union = len(left) + len(right) - shared
    return shared / union if union else 1.0
