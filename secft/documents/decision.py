"""gates.json: what was decided about a candidate, and why."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

from secft.documents.document import Words, from_json
from secft.documents.titles import GATE_TITLES, NO_SHARES, TASK_TITLES
from secft.files import read_json

FORMAT = 1
GATES = "gates.json"
Verdict = Literal["pass", "fail", "inconclusive"]


@dataclass(frozen=True)
class Gate:
    """One question about the candidate and its answer.

    Attributes:
        name: kind and task.
        kind: what is asked, see secft.evaluate.gates.
        task: where it was measured.
        metric: what was measured.
        rule: the question in words.
        difference: candidate minus base, of log-perplexity for perplexity; None if it was not measured.
        low: lower bound of the difference.
        high: upper bound of the difference.
        margin: what the rule compares with.
        verdict: the answer.
        reason: the answer in words.
        items: items behind it.
        items_needed: how many would decide, where this many did not; None where none would, or none is needed.
        resolves: the true fall that would be seen as a fall with a chance of 95 %, for gates that need not be certain.
        title: what kind of gate it is, in the languages of reports.
        task_title: what the task is called, in the languages of reports.
        share: the difference is one of shares, so that people read it in points.
    """

    name: str
    kind: str
    task: str
    metric: str
    rule: str
    difference: float | None
    low: float | None
    high: float | None
    margin: float
    verdict: Verdict
    reason: str
    items: int
    items_needed: int | None = None
    resolves: float | None = None
    title: Words = field(default_factory=dict)
    task_title: Words = field(default_factory=dict)
    share: bool = True


@dataclass(frozen=True)
class Decision:
    """What all gates together say.

    Attributes:
        verdict: of the candidate.
        gates: every comparison.
        groups: kind of gate -> verdict of its gates together.
        reasons: why it is not a pass.
        confidence: level of the intervals.
        format: of this document.
    """

    verdict: Verdict
    gates: Sequence[Gate]
    groups: Mapping[str, Verdict] = field(default_factory=dict)
    reasons: Sequence[str] = ()
    confidence: float = 0.95
    format: int = FORMAT


def read_decision(path: Path) -> Decision:
    """Read gates.json; what earlier versions left to their readers is filled in.

    Raises:
        InputError: there is none, or it is no such document.
    """
    value = read_json(path)
    if isinstance(value, Mapping) and isinstance(value.get("gates"), list):
        value = {**value, "gates": [_filled(gate) if isinstance(gate, Mapping) else gate for gate in value["gates"]]}
    return from_json(Decision, value, str(path))


def _filled(gate: Mapping[str, Any]) -> dict[str, Any]:
    """Add titles, and whether the difference is one of shares, where a gate does not tell them."""
    kind, task = str(gate.get("kind")), str(gate.get("task"))
    share = str(gate.get("metric")) not in NO_SHARES
    return {"title": GATE_TITLES.get(kind, {}), "task_title": TASK_TITLES.get(task, {}), "share": share, **gate}
