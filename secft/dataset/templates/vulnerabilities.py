"""Tasks about vulnerabilities (KEV, OSV, CVE): what it is, what is affected, what to do, how severe, which weakness."""

from __future__ import annotations

from random import Random
from typing import Any

from secft.dataset.clean import comparable
from secft.dataset.templates.affected import affected_lines, fixed_lines
from secft.dataset.templates.named import weakness_answer
from secft.dataset.templates.passage import passage
from secft.dataset.templates.writing import DraftExample, Setting, Skip, bullets, excerpt, first_sentences
from secft.dataset.text import squeeze
from secft.reasons import Reason
from secft.records import Document
from secft.security import cvss
from secft.security.severity import CVSS_WORDS

_EXPLAIN = (
    "What is {name}?",
    "Explain {name} to an administrator.",
    "What goes wrong in {name}, and what can follow?",
    "A scanner names {name}. What is it about?",
    "Describe the vulnerability {name}.",
)
_AFFECTED = (
    "Which versions are affected by {name}?",
    "How do I tell whether our version is affected by {name}?",
    "List the versions that {name} concerns.",
)
_MITIGATE = (
    "What should we do about {name}?",
    "How is {name} fixed?",
    "We are affected by {name}. What is the remedy?",
    "Which action removes {name}?",
)
_SEVERITY = (
    "How severe is this vulnerability by its CVSS base metrics?\n{text}\nVector: {vector}",
    "Rate the severity of {name} from its CVSS vector {vector}.\n{text}",
    "{text}\n{vector}\nWhich severity class does this vector stand for?",
)
_WEAKNESS = (
    "Which weakness (CWE) is behind {name}?\n{text}",
    "Map {name} to CWE.\n{text}",
    "{text}\nWhich CWE is {name} assigned to?",
)
NO_DESCRIPTION = Skip(Reason("template.title_only"))


def _name(document: Document) -> str:
    """Return how a vulnerability is called in a question; ids of secft's own have their prefix taken off."""
    fields = document.fields
    identifier = document.id.removeprefix("KEV:").removeprefix("OSV:")
    if document.source == "osv" and not fields.get("summary"):
        packages = fields.get("packages") or []
        return f"{identifier} in {packages[0]}" if packages else identifier
    return identifier if document.title in ("", identifier) else f"{identifier} ({document.title.rstrip('.')})"


def _description(document: Document) -> str:
    """Return what a record says beyond its title, or an empty string."""
    text: str = document.fields.get("description") or document.fields.get("details") or ""
    return "" if comparable(text) in comparable(document.title) else text


def explain(document: Document, setting: Setting, dice: Random) -> list[DraftExample] | Skip:
    """Ask what a vulnerability is, and which versions it concerns where the record gives ranges."""
    name, drafts = _name(document), []
    field = "description" if document.fields.get("description") else "details"
    text = passage(_description(document), setting.max_answer)
    if text:
        drafts.append(DraftExample(dice.choice(_EXPLAIN).format(name=name), text, (field,)))
    versions = affected_lines(document)
    if versions:
        answer = bullets(versions, setting.max_answer)
        drafts.append(DraftExample(dice.choice(_AFFECTED).format(name=name), answer, ("affected",), label="affected"))
    return drafts or NO_DESCRIPTION


def _measures(document: Document, limit: int) -> tuple[list[str], str]:
    """Return what the record says to do, and in which field."""
    fields = document.fields
    exploited: dict[str, Any] = fields.get("known_exploited") or {}
    stated = {
        "required_action": [fields.get("required_action", "")],
        "solutions": fields.get("solutions") or [],
        "workarounds": fields.get("workarounds") or [],
        "known_exploited": [exploited.get("action", "")],
    }
    for field, texts in stated.items():
        found = first_sentences([text for text in texts if text], limit)
        if found:
            return found, field
    return fixed_lines(document), "affected"


def mitigate(document: Document, setting: Setting, dice: Random) -> list[DraftExample] | Skip:
    """Ask what to do: the required action, the vendor's solution, or the fixed versions; never a due date."""
    measures, field = _measures(document, setting.max_answer)
    if not measures:
        return Skip(Reason("template.no_fix"))
    question = dice.choice(_MITIGATE).format(name=_name(document))
    return [DraftExample(question, bullets(measures, setting.max_answer), (field,))]


def _severity_of(document: Document) -> tuple[str, str]:
    """Return class and vector of the score to tell, of CVSS 3 or 4: as it is stated, or computed of a lone vector."""
    score = document.fields.get("cvss") or ""
    if isinstance(score, str):
        # Version 2 has three classes of the five.
        return (cvss.severity(score) if cvss.version_of(score) != "2.0" else ""), score
    stated = score.get("severity", "") if score.get("version", "") in ("3.0", "3.1", "4.0") else ""
    return (stated if stated in CVSS_WORDS else ""), score.get("vector", "")


def severity(document: Document, setting: Setting, dice: Random) -> list[DraftExample] | Skip:
    """Ask for the severity class of a CVSS vector, among all five."""
    name, vector = _severity_of(document)
    if not name or not vector:
        return Skip(Reason("template.no_cvss"))
    text = excerpt(_description(document) or document.title, 300)
    question = dice.choice(_SEVERITY).format(name=_name(document), text=text, vector=vector)
    return [DraftExample(question, name, ("cvss",), CVSS_WORDS, CVSS_WORDS.index(name))]


def weakness(document: Document, setting: Setting, dice: Random) -> list[DraftExample] | Skip:
    """Ask for the weaknesses that the record assigns."""
    answer = weakness_answer(document)
    if isinstance(answer, Skip):
        return answer
    text = squeeze(excerpt(_description(document) or document.title, 300))
    return [DraftExample(dice.choice(_WEAKNESS).format(name=_name(document), text=text), answer, ("cwes",))]
