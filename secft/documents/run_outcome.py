"""What a run hands to a sweep: a row of its leaderboard, as a document."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from secft.documents.results import EvaluationResults


@dataclass(frozen=True)
class RunOutcome:
    """How a run ended.

    Attributes:
        status: passed, failed, inconclusive (its gates), planned, pruned (stopped early), or error.
        exit_code: of the process.
        run: its name.
        directory: where its reports are.
        verdict: of the gates.
        results: what was measured.
        validation_loss: the best one of the training, where there was one.
        registered: where the model was registered.
        error: the message that ended it.
        objective: metric, direction and value of what a sweep looks for.
    """

    status: str
    exit_code: int
    run: str = ""
    directory: str = ""
    verdict: str | None = None
    results: EvaluationResults = field(default_factory=lambda: EvaluationResults({}))
    validation_loss: float | None = None
    registered: str | None = None
    error: str | None = None
    objective: Mapping[str, Any] = field(default_factory=dict)
