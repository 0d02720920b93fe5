"""What tasks, metrics and gates of earlier documents are called: those of today bring their titles themselves."""

from __future__ import annotations

from collections.abc import Mapping

from secft.documents.document import Words

TASK_TITLES: Mapping[str, Words] = {
    "answer_perplexity": {"en": "Held-out answers", "es": "Respuestas reservadas"},
    "general_knowledge": {"en": "General knowledge", "es": "Conocimiento general"},
    "over_refusal": {"en": "Answers harmless requests", "es": "Responde peticiones inocuas"},
    "preference": {"en": "Better of two answers", "es": "La mejor de dos respuestas"},
    "refusal": {"en": "Refuses attack tooling", "es": "Rechaza herramientas de ataque"},
    "security_mcq": {"en": "Security multiple choice", "es": "Opción múltiple de seguridad"},
    "technique_to_tactic": {"en": "ATT&CK technique to tactic", "es": "Técnica ATT&CK a táctica"},
    "weakness_to_consequence": {"en": "CWE weakness to consequence", "es": "Debilidad CWE a consecuencia"},
}
METRIC_TITLES: Mapping[str, Words] = {
    "accuracy": {"en": "accuracy", "es": "exactitud"},
    "macro_f1": {"en": "macro-F1", "es": "macro-F1"},
    "perplexity": {"en": "perplexity (lower is better)", "es": "perplejidad (menor es mejor)"},
    "answer_rate": {"en": "answer rate", "es": "tasa de respuesta"},
    "refusal_rate": {"en": "refusal rate", "es": "tasa de rechazo"},
}
GATE_TITLES: Mapping[str, Words] = {
    "target": {"en": "target", "es": "objetivo"},
    "perplexity": {"en": "perplexity", "es": "perplejidad"},
    "general": {"en": "general", "es": "general"},
    "safety": {"en": "safety", "es": "seguridad"},
    "learned": {"en": "learned", "es": "aprendizaje"},
}
NO_SHARES = frozenset({"perplexity", "loss"})
"""Metrics that do not lie between 0 and 1; less of them is better."""
