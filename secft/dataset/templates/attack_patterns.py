"""Tasks about attack patterns (CAPEC) that other kinds do not have: the weaknesses and techniques behind them."""

from __future__ import annotations

from random import Random

from secft.dataset.templates.named import technique_answer, weakness_answer
from secft.dataset.templates.writing import DraftExample, Setting, Skip, called
from secft.records import Document

_WEAKNESS = (
    "Which weaknesses does {name} exploit?",
    "List the CWE entries that make {name} possible.",
    "To which weaknesses does CAPEC relate {name}?",
    "Which weaknesses must be removed to stop {name}?",
)
_TECHNIQUE = (
    "To which ATT&CK technique does CAPEC map {name}?",
    "Give the ATT&CK techniques that correspond to {name}.",
    "Under which ATT&CK ids is {name} found?",
)


def weakness(document: Document, setting: Setting, dice: Random) -> list[DraftExample] | Skip:
    """Ask for the weaknesses that an attack pattern exploits."""
    answer = weakness_answer(document)
    if isinstance(answer, Skip):
        return answer
    return [DraftExample(dice.choice(_WEAKNESS).format(name=called(document)), answer, ("cwes",))]


def technique(document: Document, setting: Setting, dice: Random) -> list[DraftExample] | Skip:
    """Ask for the techniques of ATT&CK that an attack pattern is mapped to."""
    answer = technique_answer(document)
    if isinstance(answer, Skip):
        return answer
    return [DraftExample(dice.choice(_TECHNIQUE).format(name=called(document)), answer, ("techniques",))]
