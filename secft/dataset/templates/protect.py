"""Tasks ``mitigate`` and ``detect``: what the source itself advises."""

from __future__ import annotations

from random import Random
from typing import Any

from secft.dataset.templates.writing import DraftExample, Setting, Skip, bullets, called, first_sentences
from secft.dataset.text import cut
from secft.reasons import Reason
from secft.records import Document

_MITIGATE = (
    "How can {name} be mitigated?",
    "Our product is affected by {name}. What should we do about it?",
    "Give me practical mitigations for {name}.",
    "How do we defend against {name}?",
    "What reduces the risk of {name}?",
)
_MITIGATE_LEADS = ("", "Recommended measures:\n", "To reduce the risk:\n", "MITRE recommends:\n")
_DETECT = (
    "How can {name} be detected?",
    "What should we look for to find {name}?",
    "Suggest ways to detect {name}.",
    "Which signs or methods reveal {name}?",
)
_DETECT_LEADS = ("", "Ways to detect it:\n", "Look for the following:\n")

_DETECTION = {"technique": "detection", "weakness": "detection_methods", "attack_pattern": "indicators"}

NO_MEASURES = ("Do Not Mitigate", "Pre-compromise")
"""Entries of ATT&CK's list of mitigations that say that there is none."""


def without_code(text: str) -> str:
    """Return the paragraphs of a text before the first one that announces a piece of code."""
    kept = []
    for paragraph in text.split("\n\n"):
        kept.append(paragraph)
        if paragraph.rstrip().endswith(":"):
            break
    return "\n\n".join(kept)


def mitigation_texts(document: Document, limit: int) -> list[str]:
    """Return a document's mitigations, each cut to whole sentences of at most ``limit`` characters."""
    rows: list[dict[str, Any]] = document.fields.get("mitigations", [])
    if document.kind == "attack_pattern":
        return first_sentences([without_code(row["description"]) for row in rows], limit)
    if document.kind != "technique":
        return first_sentences([row["description"] for row in rows], limit)
    texts = []
    for row in rows:
        body = cut(row["description"], limit - len(row["name"]) - 2)
        if body:
            texts.append(f"{row['name']}: {body}")
    return list(dict.fromkeys(texts))


def detection_texts(document: Document, limit: int) -> list[str]:
    """Return a document's ways of detection, each cut to whole sentences of at most ``limit`` characters."""
    if document.kind == "technique":
        rows: list[dict[str, Any]] = document.fields.get("detection", [])
        return first_sentences([text for row in rows for text in row["analytics"]], limit)
    if document.kind == "attack_pattern":
        return first_sentences(document.fields.get("indicators", []), limit)
    methods: list[dict[str, Any]] = document.fields.get("detection_methods", [])
    texts = []
    for row in methods:
        body = cut(row["description"], limit - len(row["method"]) - 2)
        if body:
            texts.append(f"{row['method']}: {body}")
    return list(dict.fromkeys(texts))


def _advice(
    texts: list[str], questions: tuple[str, ...], leads: tuple[str, ...], document: Document, limit: int, dice: Random
) -> tuple[str, str]:
    question = dice.choice(questions).format(name=called(document))
    lead = dice.choice(leads)
    return question, lead + bullets(texts, limit - len(lead))


def mitigate(document: Document, setting: Setting, dice: Random) -> list[DraftExample] | Skip:
    """Ask how to mitigate; the answer lists the source's own mitigations."""
    texts = mitigation_texts(document, setting.max_answer // 2)
    if not texts:
        return Skip(Reason("template.no_mitigation"))
    question, answer = _advice(texts, _MITIGATE, _MITIGATE_LEADS, document, setting.max_answer, dice)
    return [DraftExample(question, answer, ("mitigations",))]


def detect(document: Document, setting: Setting, dice: Random) -> list[DraftExample] | Skip:
    """Ask how to detect; the answer lists the source's own methods or analytics."""
    texts = detection_texts(document, setting.max_answer // 2)
    if not texts:
        return Skip(Reason("template.no_detection"))
    question, answer = _advice(texts, _DETECT, _DETECT_LEADS, document, setting.max_answer, dice)
    return [DraftExample(question, answer, (_DETECTION[document.kind],))]
