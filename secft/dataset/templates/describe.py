"""Tasks ``explain`` (name -> what it is) and ``classify`` (what it is -> name)."""

from __future__ import annotations

from random import Random

from secft.dataset.templates.writing import DraftExample, Setting, Skip, called, excerpt, full_title, without_name
from secft.dataset.text import cut
from secft.reasons import Reason
from secft.records import Document

_EXPLAIN = {
    "weakness": (
        "What is {name}?",
        "Explain {name} to a developer.",
        "Describe the weakness {name}.",
        "What goes wrong in {name}?",
        "In a code review somebody mentions {id}. What does it stand for?",
    ),
    "technique": (
        "What is the ATT&CK technique {name}?",
        "Explain {name} to a SOC analyst.",
        "How do adversaries use {name}?",
        "Describe technique {name} from MITRE ATT&CK.",
        "A report refers to {id}. What does it mean?",
    ),
    "attack_pattern": (
        "What is the attack pattern {name}?",
        "Explain {name} to a developer who has to defend against it.",
        "Describe {name} from CAPEC.",
        "What happens in an attack of the kind {name}?",
        "A threat model names {id}. What does it stand for?",
    ),
}
_EXPLAIN_ANSWERS = ("{text}", "{id} is titled {title}. {text}", "{title} ({id}). {text}")

_CLASSIFY = {
    "weakness": (
        "Which CWE describes this weakness? {text}",
        "Name the CWE entry that matches: {text}",
        'A reviewer wrote: "{text}" Which CWE is that?',
        "Map this finding to a CWE. {text}",
    ),
    "technique": (
        "Which ATT&CK technique is this? {text}",
        "Name the ATT&CK technique that matches: {text}",
        'An incident report says: "{text}" Which technique is that?',
        "Map this behaviour to an ATT&CK technique. {text}",
    ),
    "attack_pattern": (
        "Which CAPEC attack pattern is this? {text}",
        "Name the CAPEC entry that matches: {text}",
        'A threat model says: "{text}" Which attack pattern is that?',
        "Map this attack to CAPEC. {text}",
    ),
}


def explain(document: Document, setting: Setting, dice: Random) -> list[DraftExample] | Skip:
    """Ask what an entry is; the answer is the beginning of its own description."""
    answer = dice.choice(_EXPLAIN_ANSWERS)
    parts = [document.fields["description"], document.fields.get("extended_description", "")]
    head = answer.format(id=document.id, title=full_title(document), text="")
    text = cut("\n".join(filter(None, parts)), setting.max_answer - len(head))
    if not text:
        return Skip(Reason("template.no_sentence"))
    question = dice.choice(_EXPLAIN[document.kind]).format(name=called(document), id=document.id)
    fields = ("description", "extended_description") if parts[1] else ("description",)
    return [DraftExample(question, answer.format(id=document.id, title=full_title(document), text=text), fields)]


def classify(document: Document, setting: Setting, dice: Random) -> list[DraftExample] | Skip:
    """Give the description without the name and ask for the name."""
    text = without_name(excerpt(document.fields["description"], 260), document)
    question = dice.choice(_CLASSIFY[document.kind]).format(text=text)
    return [DraftExample(question, f"{document.id}: {full_title(document)}", ("id", "title"))]
