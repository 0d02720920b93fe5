"""A skill that fine-tuning must not make the model forget."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

from secft.config.setting import setting
from secft.documents.decision import Verdict
from secft.documents.document import Words
from secft.evaluate.gates.kind import TINY, GateKind, Measurable, PairedInterval, points
from secft.evaluate.tasks import SUITE, tasks_for


@dataclass
class GeneralSettings:
    """Settings of this kind, part of ``gates``."""

    general_tasks: list[str] = setting(tasks_for("general"), about="Skills that must be kept.", choices=SUITE)
    general_margin: float = setting(0.1, about="Largest fall of a general skill.", low=0, high=1)


class GeneralGate(GateKind):
    """Non-inferiority: pass where any fall is within the margin, fail where it is certainly beyond."""

    name = "general"
    title: ClassVar[Words] = {"en": "general", "es": "general"}
    asked_by = "general_tasks"

    def tasks(self, settings: GeneralSettings, measured: Measurable) -> Sequence[str]:
        """Return the skills that must be kept."""
        return settings.general_tasks

    def margin(self, settings: GeneralSettings) -> float:
        """Return the largest fall."""
        return settings.general_margin

    def rule(self, margin: float) -> str:
        """Return the question in words."""
        return f"falls by {points(margin)} at most"

    def threshold(self, margin: float) -> float:
        """Return the fall."""
        return -margin

    def verdict(self, difference: PairedInterval, margin: float) -> Verdict:
        """Look at both bounds."""
        if difference.low >= -margin - TINY:
            return "pass"
        return "fail" if difference.high < -margin - TINY else "inconclusive"
