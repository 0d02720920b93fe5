"""From measured differences to a decision: pass, fail, or inconclusive. No model is touched here.

The decision passes only if every kind of gate passes, fails if one fails, and is inconclusive otherwise. What each
kind asks stands in its module.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from secft.documents.decision import Decision, Gate, Verdict
from secft.documents.results import EvaluationResults
from secft.evaluate.gates.kind import GateKind, Held, Measurable, all_of, held_of
from secft.evaluate.gates.settings import KINDS, GatesConfig

__all__ = ["KINDS", "GateCheck", "GateKind", "GatesConfig", "Held", "Measurable", "checks_of", "decide", "held_of"]


@dataclass(frozen=True)
class GateCheck:
    """One gate that a candidate has to pass.

    Attributes:
        kind: what is asked.
        task: of what it is asked.
        margin: what the rule compares with.
    """

    kind: GateKind
    task: str
    margin: float


def checks_of(settings: GatesConfig, measured: Measurable) -> list[GateCheck]:
    """Return the gates that a candidate has to pass.

    Args:
        settings: ``gates``.
        measured: what there is to measure, or None where that is not known yet.
    """
    return [GateCheck(kind, task, kind.margin(settings)) for kind in KINDS for task in kind.tasks(settings, measured)]


def decide(results: EvaluationResults, checks: Sequence[GateCheck]) -> Decision:
    """Decide about a candidate.

    Args:
        results: what the evaluation measured.
        checks: the gates that it has to pass.

    Returns:
        The decision; a target that could not be measured is left out of its group as long as another one was.
    """
    gates = [check.kind.judge(check.task, results, check.margin) for check in checks]
    groups: dict[str, Verdict] = {}
    for kind in {check.kind.name: check.kind for check in checks}.values():
        groups[kind.name] = kind.joined([gate.verdict for gate in gates if gate.kind == kind.name])
    verdict = all_of(list(groups.values())) if groups else "fail"
    return Decision(verdict, gates, groups, _reasons(gates, groups), results.confidence)


def _reasons(gates: Sequence[Gate], groups: dict[str, Verdict]) -> list[str]:
    """Say for each group that did not pass which gates are to blame."""
    if not groups:
        return ["no gate is configured, so nothing can be passed"]
    blamed = [gate for gate in gates if groups[gate.kind] != "pass" and gate.verdict != "pass"]
    return [
        f"{gate.name}{f' ({gate.metric})' if gate.metric else ''} {gate.rule}: {gate.verdict}, {gate.reason}"
        for gate in blamed
    ]
