"""Slurs, harassment and calls to self-harm; a small rule set, not a classifier.

The lists stand in ``words/``: phrases in plain, slurs as digests. Words of the trade (kill a process, attack, exploit,
the older master and slave) are in none of them, because only phrases aimed at a person count.
"""

from __future__ import annotations

import hashlib
import re
from functools import cache, lru_cache
from importlib.resources import files

from secft.reasons import Reason
from secft.records import Example, message_text

REFUSED_TASKS = frozenset({"refuse", "assist"})
_WORD = re.compile(r"[a-z]{4,12}")
# What is done to programs and machines may be said in the words of harassment.
_TECHNICAL = re.compile(r"\b(?:process|thread|session|daemon|task|job|container|pod|signal|sigkill|command|child)\b")
_LEET = str.maketrans("013457@$", "oieastas")


@cache
def _phrases() -> re.Pattern[str]:
    text = (files("secft.dataset.curation") / "words" / "harassment.txt").read_text(encoding="utf-8")
    lines = sorted(line for line in text.splitlines() if line and not line.startswith("#"))
    return re.compile(rf"\b(?:{'|'.join(map(re.escape, lines))})\b")


@cache
def _slurs() -> frozenset[str]:
    text = (files("secft.dataset.curation") / "words" / "slurs.sha256").read_text(encoding="utf-8")
    return frozenset(line for line in text.splitlines() if not line.startswith("#"))


@lru_cache(maxsize=200_000)
def _is_slur(word: str) -> bool:
    return hashlib.sha256(word.encode()).hexdigest()[:16] in _slurs()


def toxic(text: str) -> str | None:
    """Return what kind of abuse a text holds, or None."""
    lower = text.lower().replace("\u2019", "'")
    if any(map(_is_slur, set(_WORD.findall(lower)))):
        return "slur"
    if re.search(r"[a-z][013457@$][a-z]", lower) and any(map(_is_slur, set(_WORD.findall(lower.translate(_LEET))))):
        return "slur"
    match = _phrases().search(" ".join(lower.split()))
    return "abuse" if match and not _technical(lower, match.group()) else None


def _technical(lower: str, phrase: str) -> bool:
    place = " ".join(lower.split()).find(phrase)
    return "kill" in phrase and bool(_TECHNICAL.search(" ".join(lower.split())[max(0, place - 60) : place + 80]))


def toxicity_fault(example: Example) -> Reason | None:
    """Return why an example is dropped, or None; a request that the answer refuses may be what it is."""
    for message in example.messages:
        asked = message["role"] == "user"
        if asked and example.task in REFUSED_TASKS:
            continue
        kind = toxic(message_text(message))
        if kind:
            return Reason(f"toxicity.{kind}_{'question' if asked else 'answer'}")
    return None
