"""A skill that training was for has to improve."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, ClassVar

from secft.config.setting import setting
from secft.documents.decision import Gate, Verdict
from secft.documents.document import Words
from secft.documents.results import EvaluationResults
from secft.evaluate.gates.kind import GateKind, Held, Measurable, PairedInterval, points
from secft.evaluate.tasks import SUITE, TASKS

AUTO = "auto"
NOTHING_TAUGHT = "the training split teaches no kind of example that is held out"
MOST_AUTO = 3
"""With more targets, a candidate that improved nothing would pass too often."""


def auto_targets(measured: Mapping[str, Held]) -> list[str]:
    """Choose what a candidate must improve by what its dataset teaches and holds out.

    Skills come first, those that most training examples teach before others; where the dataset teaches none, answers in
    sentences are the target.

    Args:
        measured: task -> what there is to measure it by.
    """
    for when in ("first", "last"):
        found = [
            name
            for name in measured
            if name in TASKS and TASKS[name].role == "target" and TASKS[name].chosen == when
            and measured[name].items and measured[name].taught != 0
        ]  # fmt: skip
        if found:
            ranked = sorted(found, key=lambda name: (-(measured[name].taught or 0), -measured[name].items, name))
            return sorted(ranked[:MOST_AUTO])
    return []


@dataclass
class TargetSettings:
    """Settings of this kind, part of ``gates``."""

    target_tasks: Any = setting(
        AUTO,
        about="At least one of these must improve: lower bound of the paired difference above `target_margin`; auto is "
        "what the training split teaches.",
        choices=(AUTO, *SUITE),
    )
    target_margin: float = setting(0.0, about="Improvement that the lower bound must exceed.", low=0, high=1)


class TargetGate(GateKind):
    """Superiority: pass where the whole interval lies above the margin, fail where none of it does.

    One of the target tasks is enough; with k of them, a candidate that improved nothing passes with a chance of at
    most k times half the complement of the confidence (7.5 % for three at 95 %).
    """

    name = "target"
    title: ClassVar[Words] = {"en": "target", "es": "objetivo"}
    asked_by = "target_tasks"

    def tasks(self, settings: TargetSettings, measured: Measurable) -> Sequence[str]:
        """Return the target tasks that settings name, or what the dataset teaches; ``auto`` where that is nothing."""
        if settings.target_tasks in (AUTO, [AUTO]):
            return () if measured is None else auto_targets(measured) or (AUTO,)
        return [settings.target_tasks] if isinstance(settings.target_tasks, str) else settings.target_tasks

    def margin(self, settings: TargetSettings) -> float:
        """Return the improvement that the lower bound must exceed."""
        return settings.target_margin

    def rule(self, margin: float) -> str:
        """Return the question in words."""
        return f"improves by more than {points(margin)}" if margin else "improves"

    def verdict(self, difference: PairedInterval, margin: float) -> Verdict:
        """Look at both bounds."""
        if difference.low > margin:
            return "pass"
        return "fail" if difference.high < margin else "inconclusive"

    def judge(self, task: str, results: EvaluationResults, margin: float) -> Gate:
        """Apply the rule; a dataset that teaches nothing that it holds out fails."""
        gate = super().judge(task, results, margin)
        return replace(gate, reason=f"not measured: {NOTHING_TAUGHT}") if task == AUTO else gate

    def joined(self, verdicts: Sequence[Verdict]) -> Verdict:
        """Pass if one passes."""
        if "pass" in verdicts:
            return "pass"
        return "inconclusive" if "inconclusive" in verdicts else "fail"
