"""Tasks about controls (OSCAL, XCCDF, ASVS): what is required and why, how to implement it, how to check it."""

from __future__ import annotations

from random import Random

from secft.dataset.templates.passage import passage
from secft.dataset.templates.writing import DraftExample, Setting, Skip, bullets
from secft.reasons import Reason
from secft.records import Document

_REQUIRES = (
    "What does {name} require?",
    "Explain the control {name}.",
    "Which requirement does {name} state?",
    "An auditor asks about {name}. What does it demand?",
)
_WHY = (
    'Why does the {benchmark} ask for "{title}"?',
    'What is the reason for the hardening rule "{title}"?',
    '"{title}": what does this setting protect against?',
)
_GUIDANCE = (
    "What should we consider when implementing {name}?",
    "Give guidance on implementing {name}.",
    "How is {name} put into practice?",
)
_SETTING = (
    'How do we implement the hardening rule "{title}"?',
    '{benchmark}: what has to be configured for "{title}"?',
    'What must be done to comply with "{title}"?',
)
_CHECK = (
    "How is {name} assessed?",
    "What must an assessor determine for {name}?",
    "How can we check that {name} is met?",
)

_MISSING = {
    "rationale": Reason("template.no_rationale"),
    "statement": Reason("template.no_statement"),
    "description": Reason("template.no_description"),
}


def _called(document: Document) -> str:
    """Return a control with its number, or a rule of a benchmark by its title alone."""
    if document.fields.get("benchmark"):
        return f'"{document.title}"'
    return document.title if document.title.startswith("ASVS") else f"{document.id} ({document.title})"


def _question(forms: tuple[str, ...], document: Document, dice: Random) -> str:
    benchmark = (document.fields.get("benchmark") or {}).get("title") or "benchmark"
    return dice.choice(forms).format(name=_called(document), title=document.title, benchmark=benchmark)


def explain(document: Document, setting: Setting, dice: Random) -> list[DraftExample] | Skip:
    """Ask what a control requires, or why a benchmark has a rule."""
    fields = document.fields
    field = "rationale" if fields.get("benchmark") else "statement" if fields.get("statement") else "description"
    text = passage(fields.get(field) or "", setting.max_answer)
    if not text:
        return Skip(_MISSING[field])
    return [DraftExample(_question(_WHY if field == "rationale" else _REQUIRES, document, dice), text, (field,))]


def implement(document: Document, setting: Setting, dice: Random) -> list[DraftExample] | Skip:
    """Ask how a control is implemented: the fix of a rule, else its description, or the guidance of a control."""
    fields = document.fields
    of_benchmark = bool(fields.get("benchmark"))
    field = ("fix" if fields.get("fix") else "description") if of_benchmark else "guidance"
    stated = fields.get(field) or ""
    if of_benchmark and len(stated) > setting.max_answer:
        # Half of the steps would pass for all of them.
        return Skip(Reason("template.long_steps"))
    text = passage(stated, setting.max_answer)
    if not text:
        return Skip(Reason("template.no_guidance"))
    return [DraftExample(_question(_SETTING if of_benchmark else _GUIDANCE, document, dice), text, (field,))]


def check(document: Document, setting: Setting, dice: Random) -> list[DraftExample] | Skip:
    """Ask how a control is checked: a rule's own check, or the objectives of an assessment."""
    fields = document.fields
    if fields.get("check"):
        field, answer = "check", passage(fields["check"], setting.max_answer)
    else:
        field = "objectives"
        goals = [item["prose"].rstrip(";.") for item in fields.get("objectives") or []]
        fitting = [goal for goal in goals if goal and len(goal) <= setting.max_answer - 40]
        lead = "Determine whether"
        answer = f"{lead}:\n{bullets(fitting, setting.max_answer - 20)}" if len(fitting) > 1 else ""
        answer = answer or "".join(f"{lead} {goal}." for goal in fitting)
    if not answer:
        return Skip(Reason("template.no_check"))
    return [DraftExample(_question(_CHECK, document, dice), answer, (field,))]
