"""Spanish for the words that data steps and gates use; anything else stays as it is."""

from __future__ import annotations

import re

_WORDS = {
    "normalise and check": "normalización y comprobación",
    "length": "longitud",
    "exact duplicates": "duplicados exactos",
    "near duplicates": "casi duplicados",
    "split by entity": "división por entidad",
    "decontamination": "descontaminación",
    "balance of tasks": "equilibrio de tareas",
    "secrets": "secretos",
    "another phrasing of a held-out choice": "otra redacción de una pregunta reservada",
    "same question as a test example": "misma pregunta que un ejemplo de prueba",
    "target": "objetivo",
    "perplexity": "perplejidad",
    "general": "general",
    "safety": "seguridad",
    "completed": "completado",
    "early_stopped": "detenido antes de tiempo",
    "diverged": "divergió",
}
_PATTERNS = (
    (r"over the cap of (.+)", r"por encima del tope de \1"),
    (r"shares (\d+) words in a row with a test answer", r"comparte \1 palabras seguidas con una respuesta de prueba"),
    (r"Jaccard similarity to another example is (\S+) or more", r"similitud de Jaccard con otro ejemplo de \1 o más"),
)


def spanish(text: str) -> str:
    """Translate a known word or phrase."""
    if text in _WORDS:
        return _WORDS[text]
    for pattern, words in _PATTERNS:
        if match := re.fullmatch(pattern, text):
            return match.expand(words)
    return text
