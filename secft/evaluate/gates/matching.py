"""Answers have to follow from their questions."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import ClassVar

from secft.config.setting import setting
from secft.documents.decision import Gate, Verdict
from secft.documents.document import Words
from secft.documents.results import EvaluationResults
from secft.evaluate.gates.kind import GateKind, Measurable, PairedInterval, points

_TASK = "answer_matching"
FEWEST = 12
"""With fewer independent items, chance is not ruled out even where the candidate is not guessing."""


@dataclass
class MatchingSettings:
    """Settings of this kind, part of ``gates``."""

    matching_margin: float = setting(
        0.0,
        about="How far above chance the candidate must find the answer that belongs to a question, where answers in "
        "sentences are held out.",
        low=0,
        high=1,
    )


class MatchingGate(GateKind):
    """Pass where the candidate certainly finds the right answer more often than chance; fail where it does not.

    Asked wherever ``answer_matching`` is measured. A dataset whose answers belong to other questions (shifted rows, a
    broken join) makes held-out answers less surprising, too, since they sound alike; here it is found. What is compared
    is the candidate with chance, not with its base: a good base finds nearly all.
    """

    name = "matching"
    title: ClassVar[Words] = {"en": "answers follow questions", "es": "las respuestas siguen a las preguntas"}
    asked_by = "matching_margin"

    def tasks(self, settings: MatchingSettings, measured: Measurable) -> Sequence[str]:
        """Return the task, if it is measured."""
        return (_TASK,) if measured and _TASK in measured else ()

    def margin(self, settings: MatchingSettings) -> float:
        """Return how far above chance."""
        return settings.matching_margin

    def rule(self, margin: float) -> str:
        """Return the question in words."""
        return f"lies above chance{f' by more than {points(margin)}' if margin else ''}"

    def verdict(self, difference: PairedInterval, margin: float) -> Verdict:
        """Look at the lower bound; a few items prove nothing."""
        if difference.low > margin:
            return "pass"
        return "fail" if difference.items >= FEWEST or difference.high <= margin else "inconclusive"

    def judge(self, task: str, results: EvaluationResults, margin: float) -> Gate:
        """Apply the rule to the candidate, less chance."""
        measured = results.tasks.get(task)
        main = measured.main if measured else None
        if measured is None or main is None or main.candidate.numbers is None or measured.chance is None:
            return super().judge(task, results, margin)
        chance = measured.chance
        above = replace(
            main.candidate, **{part: getattr(main.candidate, part) - chance for part in ("value", "low", "high")}
        )
        against = replace(measured, metrics={**measured.metrics, measured.primary: replace(main, difference=above)})
        return super().judge(task, replace(results, tasks={**results.tasks, task: against}), margin)
