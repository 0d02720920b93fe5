"""Templates: one writer per kind of document and task, from structured fields to questions and answers."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from random import Random

from secft.dataset.templates import (
    attack_patterns,
    controls,
    findings,
    guides,
    rules,
    trajectories,
    vulnerabilities,
)
from secft.dataset.templates.choice import multiple_choice
from secft.dataset.templates.describe import classify, explain
from secft.dataset.templates.mapping import consequence, tactic
from secft.dataset.templates.protect import detect, mitigate
from secft.dataset.templates.refuse import assist, refuse
from secft.dataset.templates.writing import DraftExample, Setting, Skip
from secft.records import Document

Writer = Callable[[Document, Setting, Random], list[DraftExample] | Skip]

_CATALOGUE: Mapping[str, Writer] = {
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

WRITERS: Mapping[str, Mapping[str, Writer]] = {
    "weakness": _CATALOGUE,
    "technique": _CATALOGUE,
    "attack_pattern": {
        "explain": explain,
        "mitigate": mitigate,
        "classify": classify,
        "detect": detect,
        "weakness": attack_patterns.weakness,
        "technique": attack_patterns.technique,
        "multiple_choice": multiple_choice,
        "refuse": refuse,
        "assist": assist,
    },
    "vulnerability": {
        "explain": vulnerabilities.explain,
        "mitigate": vulnerabilities.mitigate,
        "severity": vulnerabilities.severity,
        "weakness": vulnerabilities.weakness,
    },
    "rule": {
        "explain": rules.explain,
        "tactic": rules.tactic,
        "technique": rules.technique,
        "false_positives": rules.false_positives,
        "log_source": rules.log_source,
        "write_rule": rules.write_rule,
    },
    "control": {
        "explain": controls.explain,
        "implement": controls.implement,
        "check": controls.check,
        "multiple_choice": multiple_choice,
    },
    "guide": {"guidance": guides.guidance},
    "finding": {"triage": findings.triage, "severity": findings.severity, "weakness": findings.weakness},
    "trajectory": {"agent_answer": trajectories.agent_answer},
}
"""Kind of document -> task -> writer; the task ``general`` has no document behind it and comes from a pool."""
