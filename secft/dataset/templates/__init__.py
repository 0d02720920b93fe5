"""Templates: one writer per task, from a document's structured fields to questions and answers."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from random import Random

from secft.dataset.templates.choice import multiple_choice
from secft.dataset.templates.describe import classify, explain
from secft.dataset.templates.mapping import consequence, tactic
from secft.dataset.templates.protect import detect, mitigate
from secft.dataset.templates.refuse import assist, refuse
from secft.dataset.templates.writing import Draft, Setting, Skip
from secft.records import Document

Writer = Callable[[Document, Setting, Random], list[Draft] | Skip]

WRITERS: Mapping[str, Writer] = {
    "explain": explain,
    "mitigate": mitigate,
    "classify": classify,
    "consequence": consequence,
    "tactic": tactic,
    "detect": detect,
    "multiple_choice": multiple_choice,
    "refuse": refuse,
    "assist": assist,
}
"""Task -> writer; the task ``general`` has no document behind it and comes from a pool."""
