"""Tasks ``tactic`` (technique -> tactic) and ``consequence`` (weakness -> class of its primary technical impact)."""

from __future__ import annotations

import re
from random import Random

from secft.dataset.templates.writing import DraftExample, Setting, Skip, excerpt
from secft.dataset.text import squeeze
from secft.reasons import Reason
from secft.records import Document

TACTICS = (
    "Reconnaissance",
    "Resource Development",
    "Initial Access",
    "Execution",
    "Persistence",
    "Privilege Escalation",
    "Defense Evasion",
    "Credential Access",
    "Discovery",
    "Lateral Movement",
    "Collection",
    "Command and Control",
    "Exfiltration",
    "Impact",
)
"""The tactics of ATT&CK for enterprise (version 18), in the order of an intrusion."""

CONSEQUENCES = {
    "Read sensitive data": ("Read Application Data", "Read Memory", "Read Files or Directories"),
    "Modify data": ("Modify Application Data", "Modify Memory", "Modify Files or Directories"),
    "Execute unauthorized code": ("Execute Unauthorized Code or Commands", "Alter Execution Logic"),
    "Gain privileges": ("Gain Privileges or Assume Identity",),
    "Bypass protection": ("Bypass Protection Mechanism",),
    "Denial of service": (
        "DoS: Crash, Exit, or Restart",
        "DoS: Amplification",
        "DoS: Instability",
        "DoS: Resource Consumption (CPU)",
        "DoS: Resource Consumption (Memory)",
        "DoS: Resource Consumption (Other)",
    ),
    "Unexpected state": ("Unexpected State",),
    "Degrade quality": ("Quality Degradation", "Reduce Maintainability", "Reduce Performance", "Reduce Reliability"),
}
"""Class -> technical impacts of CWE's vocabulary; impacts that say nothing (Other, Varies by Context) have no class."""

_CLASS_OF = {impact: name for name, impacts in CONSEQUENCES.items() for impact in impacts}

_TACTIC = (
    "Which ATT&CK tactic does this technique serve?\nTechnique: {title}\n{text}",
    'Name the ATT&CK tactic of the technique "{title}". {text}',
    "{title}: {text}\nWhat is the adversary's tactical goal in ATT&CK?",
    "Map to an ATT&CK tactic.\n{title}. {text}",
)
_TACTICS = (
    "Which ATT&CK tactics does this technique serve? Name all.\nTechnique: {title}\n{text}",
    'List every ATT&CK tactic of the technique "{title}". {text}',
)
_CONSEQUENCE = (
    "What is the primary technical impact of this weakness?\nWeakness: {title}\n{text}",
    'Name the main consequence of "{title}". {text}',
    "{title}: {text}\nWhat can happen first of all when this is exploited?",
    "Map the weakness to its primary impact.\n{title}. {text}",
)


def _views(document: Document, limit: int) -> list[str]:
    """Return two different excerpts of a technique's description.

    The first is its beginning. The second is a later part where the description is long enough, else a shorter
    beginning.
    """
    beginning = document.fields.get("excerpt") or excerpt(document.fields["description"], limit)
    rest = squeeze(document.fields["description"])[len(excerpt(document.fields["description"], limit)) :]
    other = excerpt(rest, limit) if len(rest) > limit // 2 else excerpt(document.fields["description"], limit // 2)
    return [beginning[: limit + 4], other.strip()]


def tactic_hidden(text: str, names: list[str]) -> str:
    """Remove words that state the tactic outright, such as ``Tactic: Persistence``."""
    pattern = "|".join(re.escape(name) for name in names)
    return re.sub(rf"\b(tactics?)\s*(?:[:=]|is|of|are)\s*(?:{pattern})\b", r"\1", text, flags=re.IGNORECASE)


def tactic(document: Document, setting: Setting, dice: Random) -> list[DraftExample] | Skip:
    """Ask for the tactic of a technique; techniques of one tactic give a choice among all fourteen."""
    if document.kind != "technique":
        return Skip(Reason("template.not_technique"))
    names = document.fields["tactics"]
    if not names or any(name not in TACTICS for name in names):
        return Skip(Reason("template.no_tactic"))
    single = len(names) == 1
    parent = document.fields.get("parent_name")
    title = f"{parent}: {document.title}" if parent else document.title
    forms = dice.sample(_TACTIC if single else _TACTICS, 2)
    questions = [
        form.format(title=title, text=tactic_hidden(view, names))
        for form, view in zip(forms, _views(document, 300), strict=True)
    ]
    if not single:
        return [DraftExample(questions[0], ", ".join(names), ("tactics",))]
    right = TACTICS.index(names[0])
    return [DraftExample(question, names[0], ("tactics",), TACTICS, right) for question in questions]


def primary_impact(document: Document) -> str:
    """Return the class of the first impact that the catalogue lists and that has a class, or an empty string."""
    impacts = [impact for item in document.fields.get("consequences", []) for impact in item["impacts"]]
    return next((_CLASS_OF[impact] for impact in impacts if impact in _CLASS_OF), "")


def consequence(document: Document, setting: Setting, dice: Random) -> list[DraftExample] | Skip:
    """Ask for the class of a weakness's primary technical impact, among all classes."""
    if document.kind != "weakness":
        return Skip(Reason("template.not_weakness"))
    name = primary_impact(document)
    if not name:
        return Skip(Reason("template.no_impact"))
    choices = tuple(CONSEQUENCES)
    text = excerpt(document.fields["description"], 300)
    question = dice.choice(_CONSEQUENCE).format(title=document.title, text=text)
    return [DraftExample(question, name, ("consequences",), choices, choices.index(name))]
