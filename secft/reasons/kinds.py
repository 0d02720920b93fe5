"""What Spanish reports call kinds of examples."""

from __future__ import annotations

SPANISH_KINDS: dict[str, str] = {
    "agent_answer": "respuesta de agente",
    "assist": "ayuda legítima",
    "chat": "conversación",
    "check": "comprobación de controles",
    "classify": "clasificación",
    "consequence": "consecuencia",
    "detect": "detección",
    "explain": "explicación",
    "false_positives": "falsos positivos",
    "general": "conocimiento general",
    "guidance": "orientación",
    "implement": "implantación de controles",
    "log_source": "fuente de registros",
    "mitigate": "mitigación",
    "multiple_choice": "opción múltiple",
    "refuse": "rechazo",
    "severity": "gravedad",
    "tactic": "táctica",
    "technique": "técnica",
    "triage": "triaje",
    "weakness": "debilidad",
    "write_rule": "redacción de reglas",
}
"""Kind of example -> what Spanish reports call it; English ones use the name itself, and so do both for others."""
