"""Held-out answers have to surprise the candidate less than its base."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

from secft.config.setting import setting
from secft.documents.decision import Verdict
from secft.documents.document import Words
from secft.evaluate.gates.kind import GateKind, Measurable, PairedInterval

_TASK = "answer_perplexity"


@dataclass
class PerplexitySettings:
    """Settings of this kind, part of ``gates``."""

    perplexity_must_fall: bool = setting(
        True, about="The upper bound of the log-perplexity difference is below 0, where answers are held out."
    )


class PerplexityGate(GateKind):
    """Pass where the whole interval of the log-perplexity difference lies below zero, fail where it lies above."""

    name = "perplexity"
    title: ClassVar[Words] = {"en": "perplexity", "es": "perplejidad"}
    falling = True
    asked_by = "perplexity_must_fall"
    remedy = "set gates.perplexity_must_fall=false"

    def tasks(self, settings: PerplexitySettings, measured: Measurable) -> Sequence[str]:
        """Return the task that measures answers in sentences, or none; a dataset of labels only holds none out."""
        asked = settings.perplexity_must_fall and (measured is None or _TASK in measured)
        return (_TASK,) if asked else ()

    def margin(self, settings: PerplexitySettings) -> float:
        """Return zero: any certain fall is enough."""
        return 0.0

    def rule(self, margin: float) -> str:
        """Return the question in words."""
        return "perplexity of held-out answers falls"

    def verdict(self, difference: PairedInterval, margin: float) -> Verdict:
        """Look at both bounds."""
        if difference.high < -margin:
            return "pass"
        return "fail" if difference.low > -margin else "inconclusive"
