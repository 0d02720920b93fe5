"""A model trained from random weights has to predict held-out text better than counted trigrams."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, ClassVar

from secft.documents.decision import Verdict
from secft.documents.document import Words
from secft.evaluate.gates.kind import GateKind, Measurable, PairedInterval


class LearnedGate(GateKind):
    """Pass where the loss certainly lies below that of trigrams, fail where it certainly lies above.

    The pipeline of pretraining asks this, whatever the settings ``gates`` say: it has no other gate.
    """

    name = "learned"
    title: ClassVar[Words] = {"en": "learned", "es": "aprendizaje"}
    falling = True

    def tasks(self, settings: Any, measured: Measurable) -> Sequence[str]:
        """Return none: no setting asks for it."""
        return ()

    def margin(self, settings: Any) -> float:
        """Return zero."""
        return 0.0

    def rule(self, margin: float) -> str:
        """Return the question in words."""
        return "the upper bound of the difference lies below 0"

    def verdict(self, difference: PairedInterval, margin: float) -> Verdict:
        """Look at both bounds."""
        if difference.high < 0:
            return "pass"
        return "fail" if difference.low > 0 else "inconclusive"
