"""Question and answer belong together, and the answer names nothing that nobody knows.

Lexical rules only: they catch answers that stand at the wrong question and identifiers that were made up, not wrong
statements. Short answers share no words with their question for good reasons and are left alone; so are everyday
questions, refusals and help, which are about no entity.
"""

from __future__ import annotations

import re

from secft.config.schemas.curation import CoherenceConfig
from secft.dataset.curation.catalogue import DocumentCatalogue
from secft.reasons import Reason
from secft.records import Example, message_text
from secft.security.identifiers import named

FREE_TASKS = frozenset({"general", "refuse", "assist", "chat"})
"""Tasks that are about no entry of a catalogue."""

_WORD = re.compile(r"[^\W\d_]{3,}|\d{2,}|[^\W_]\d[\w.]*")
_STOP = frozenset(
    [
        "the",
        "and",
        "for",
        "are",
        "was",
        "were",
        "that",
        "this",
        "with",
        "from",
        "have",
        "has",
        "had",
        "not",
        "but",
        "can",
        "may",
        "will",
        "its",
        "their",
        "they",
        "them",
        "which",
        "what",
        "when",
        "where",
        "who",
        "how",
        "why",
        "does",
        "did",
        "you",
        "your",
        "our",
        "all",
        "any",
        "each",
        "more",
        "most",
        "other",
        "such",
        "than",
        "then",
        "there",
        "these",
        "those",
        "into",
        "also",
        "been",
        "being",
        "about",
        "use",
        "used",
        "using",
        "one",
        "two",
        "only",
        "over",
        "some",
        "should",
        "would",
        "could",
        "very",
        "must",
        "because",
        "between",
        "name",
        "list",
        "tell",
        "describe",
        "explain",
        "answer",
        "question",
        "following",
        "por",
        "que",
        "los",
        "las",
        "una",
        "con",
        "para",
        "del",
        "des",
        "les",
        "est",
        "und",
        "der",
        "die",
        "das",
    ]
)


def content_words(text: str) -> frozenset[str]:
    """Return the words of a text that carry meaning, cut to their first six letters so that forms of a word agree."""
    return frozenset(word[:6] for word in _WORD.findall(text.lower()) if word not in _STOP)


def coherence_fault(example: Example, known: DocumentCatalogue | None, settings: CoherenceConfig) -> Reason | None:
    """Return why an answer does not belong to its question, or None.

    Args:
        example: cleaned; its last message is the assistant's.
        known: what the documents of the run say; None asks nothing about identifiers.
        settings: when answers are compared.
    """
    if example.task in FREE_TASKS or example.messages[-1].get("tool_calls"):
        return None
    answer = example.reply
    asked = "\n".join(map(message_text, example.messages[:-1]))
    if known is not None and known.facts.get(example.provenance.document) is not None:
        strange = named(answer) - named(asked)
        if any(name not in known.known for name in strange):
            return Reason("coherence.identifier")
    if example.choices or len(answer.split()) < settings.min_words:
        return None
    return None if _related(example, asked, answer, known) else Reason("coherence.unrelated")


def _related(example: Example, asked: str, answer: str, known: DocumentCatalogue | None) -> bool:
    if example.entity and example.entity.lower() in answer.lower():
        return True
    questions = example.text(["user", "tool"])
    facts = known.facts.get(example.provenance.document) if known else None
    words = content_words(answer)
    if words & content_words(questions) or (facts and words & content_words(facts.title)):
        return True
    # A list of measures need not name what it is against, and code has words of its own. What a template took from the
    # fields of a document belongs to it.
    from_fields = bool(facts) and not example.provenance.teacher and bool(example.provenance.fields)
    return not words or "```" in answer or from_fields
