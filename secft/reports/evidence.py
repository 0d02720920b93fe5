"""The evidence document of a fine-tuning, for the supervisor: Spanish by default, or English."""

from __future__ import annotations

import datetime
from collections.abc import Mapping
from typing import Any

from secft.documents.decision import Gate
from secft.reports.facts import RunFacts
from secft.reports.figures import Language, decimal, leaves, result_rows, result_table
from secft.reports.rendering import render
from secft.reports.subjects import languages_text

_STATUS: Mapping[Language, Mapping[str, str]] = {
    "es": {
        "pass": "Aprobado por las compuertas; pendiente de revisión",
        "fail": "Rechazado por las compuertas; no registrado",
        "inconclusive": "No concluyente; no registrado",
    },
    "en": {
        "pass": "Passed its gates; review pending",
        "fail": "Rejected by its gates; not registered",
        "inconclusive": "Inconclusive; not registered",
    },
}
_VERDICTS: Mapping[Language, Mapping[str, str]] = {
    "es": {"pass": "aprobada", "fail": "fallida", "inconclusive": "no concluyente"},
    "en": {"pass": "passed", "fail": "failed", "inconclusive": "inconclusive"},
}
_OUTCOMES: Mapping[Language, Mapping[str, str]] = {
    "es": {"pass": "todas superadas", "fail": "no superadas", "inconclusive": "no concluyentes"},
    "en": {"pass": "all passed", "fail": "not passed", "inconclusive": "inconclusive"},
}


def evidence_name(iteration: int, created: datetime.datetime) -> str:
    """Return the file name, for example ``EVIDENCE_Finetuning_1_20260131-0915.md``."""
    return f"EVIDENCE_Finetuning_{iteration}_{created.strftime('%Y%m%d-%H%M')}.md"


def evidence(facts: RunFacts, language: Language = "es", agent: str = "secft", iteration: int = 1) -> str:
    """Write the evidence document.

    Args:
        facts: the run.
        language: ``es`` or ``en``.
        agent: who did the work.
        iteration: number of the fine-tuning.
    """
    return render(
        f"evidence.{language}.md.jinja",
        {
            "facts": facts,
            "agent": agent,
            "iteration": iteration,
            "languages": languages_text(facts.dataset),
            "status": _STATUS[language][facts.verdict],
            "verdicts": _VERDICTS[language],
            "outcome": _OUTCOMES[language][facts.verdict],
            "gates": [_gate(gate, language) for gate in facts.gates.gates],
            "table": result_table(result_rows(facts.results, language), language),
            "settings": leaves(facts.trainer),
            "confidence": f"{100 * facts.results.confidence:g}\u00a0%",
        },
    )


def _gate(gate: Gate, language: Language) -> dict[str, Any]:
    """Return a gate's row in the language of the document."""
    name = f"{gate.title.get(language, gate.kind)}: {gate.task_title.get(language, gate.task)}"
    row = {"name": name, "verdict": gate.verdict, "items_needed": gate.items_needed}
    if gate.difference is None or gate.low is None or gate.high is None:
        return {**row, "difference": {"es": "sin medir", "en": "not measured"}[language]}
    scale, digits, unit = (100, 1, {"es": " puntos", "en": " points"}[language]) if gate.share else (1, 3, " nats")
    numbers = (gate.difference, gate.low, gate.high)
    value, low, high = (decimal(scale * number, digits, signed=True) for number in numbers)
    return {**row, "difference": f"{value}{unit} [{low}, {high}]"}
