"""A skill that training was for has to improve."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

from secft.config.setting import setting
from secft.documents.decision import Verdict
from secft.documents.document import Words
from secft.evaluate.gates.kind import GateKind, PairedInterval, points
from secft.evaluate.tasks import SUITE, tasks_for


@dataclass
class TargetSettings:
    """Settings of this kind, part of ``gates``."""

    target_tasks: list[str] = setting(
        tasks_for("target"),
        about="At least one of these must improve: lower bound of the paired difference above `target_margin`.",
        choices=SUITE,
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

    def tasks(self, settings: TargetSettings) -> Sequence[str]:
        """Return the target tasks."""
        return settings.target_tasks

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

    def joined(self, verdicts: Sequence[Verdict]) -> Verdict:
        """Pass if one passes."""
        if "pass" in verdicts:
            return "pass"
        return "inconclusive" if "inconclusive" in verdicts else "fail"
