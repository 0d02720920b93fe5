"""Tasks about detection rules (Sigma): what they find, where, what they map to, when they err, and how to write one."""

from __future__ import annotations

from random import Random

from secft.dataset.templates.mapping import TACTICS, tactic_hidden
from secft.dataset.templates.named import technique_answer
from secft.dataset.templates.passage import passage
from secft.dataset.templates.writing import DraftExample, Setting, Skip, bullets, excerpt
from secft.dataset.text import squeeze
from secft.reasons import Reason
from secft.records import Document

NEWER_TACTICS = tuple(
    name for old in TACTICS for name in (("Stealth", "Defense Impairment") if old == "Defense Evasion" else (old,))
)
"""The tactics since ATT&CK 19, which divides Defense Evasion in two; rules are tagged with either list."""

_MOST_LISTED = 12
_SAYS_NOTHING = ("unknown", "unlikely", "likely", "none", "n/a", "low", "high", "medium", "rare", "to be determined")
_EXPLAIN = (
    'What does the Sigma rule "{title}" detect?',
    'An alert of the Sigma rule "{title}" came in. What was seen?',
    'Explain the detection rule "{title}" to a SOC analyst.',
    'Why do we run the Sigma rule "{title}"?',
)
_TACTIC = (
    "Which ATT&CK tactic does this detection rule cover?\nRule: {title}\n{text}",
    'Name the ATT&CK tactic behind alerts of the rule "{title}". {text}',
    "{title}: {text}\nWhich tactical goal in ATT&CK does this rule reveal?",
    "Map this Sigma rule to an ATT&CK tactic.\n{title}. {text}",
)
_TACTICS = (
    "Which ATT&CK tactics does this detection rule cover? Name all.\nRule: {title}\n{text}",
    'List every ATT&CK tactic that the Sigma rule "{title}" is tagged with. {text}',
)
_TECHNIQUE = (
    "Which ATT&CK techniques does this detection rule cover?\nRule: {title}\n{text}",
    'With which ATT&CK techniques is the Sigma rule "{title}" tagged? {text}',
    "Give the ATT&CK technique ids for this rule. {title}. {text}",
)
_FALSE_POSITIVES = (
    'When does the Sigma rule "{title}" raise a false alarm?',
    'Which harmless activity can set off the rule "{title}"?',
    'What should an analyst rule out before escalating an alert of "{title}"?',
    'Name known false positives of the detection rule "{title}".',
)
_LOG_SOURCE = (
    'Which log source does the Sigma rule "{title}" need? {text}',
    "Write the log source section of a Sigma rule for this. {title}: {text}",
    'What has to be collected so that "{title}" can be detected with Sigma? {text}',
)
_WRITE = (
    "Write the detection section of a Sigma rule.\nTitle: {title}\nDescription: {text}\n{source}",
    'We need a Sigma rule "{title}". {text}\nGive its detection section for this log source.\n{source}',
    "Turn this description into the detection part of a Sigma rule.\n{title}: {text}\n{source}",
)


def _about(document: Document) -> dict[str, str]:
    return {"title": document.title, "text": excerpt(document.fields["description"], 300)}


def explain(document: Document, setting: Setting, dice: Random) -> list[DraftExample] | Skip:
    """Ask what a rule detects; the answer is its description."""
    text = passage(document.fields["description"], setting.max_answer)
    if not text:
        return Skip(Reason("template.no_sentence"))
    return [DraftExample(dice.choice(_EXPLAIN).format(title=document.title), text, ("description",))]


def tactic(document: Document, setting: Setting, dice: Random) -> list[DraftExample] | Skip:
    """Ask for the tactic of a rule; rules with one tactic give a choice among all."""
    names = [name.replace("-", " ").title().replace(" And ", " and ") for name in document.fields["tactics"]]
    choices = TACTICS if "Defense Evasion" in names else NEWER_TACTICS
    if not names or any(name not in choices for name in names):
        return Skip(Reason("template.no_tactic"))
    about = _about(document)
    about["text"] = tactic_hidden(about["text"], names)
    if len(names) > 1:
        return [DraftExample(dice.choice(_TACTICS).format(**about), ", ".join(names), ("tactics",))]
    question = dice.choice(_TACTIC).format(**about)
    return [DraftExample(question, names[0], ("tactics",), choices, choices.index(names[0]))]


def technique(document: Document, setting: Setting, dice: Random) -> list[DraftExample] | Skip:
    """Ask for the techniques that a rule is tagged with."""
    answer = technique_answer(document)
    if isinstance(answer, Skip):
        return answer
    return [DraftExample(dice.choice(_TECHNIQUE).format(**_about(document)), answer, ("techniques",))]


def false_positives(document: Document, setting: Setting, dice: Random) -> list[DraftExample] | Skip:
    """Ask for the false positives that a rule's author knows."""
    known = [squeeze(text) for text in document.fields["falsepositives"]]
    usable = [
        text for text in known if text.lower().rstrip(".") not in _SAYS_NOTHING and len(text) <= setting.max_answer
    ]
    if not usable:
        return Skip(Reason("template.no_false_positives"))
    question = dice.choice(_FALSE_POSITIVES).format(title=document.title)
    return [DraftExample(question, bullets(usable, setting.max_answer), ("falsepositives",))]


def _log_source(document: Document) -> str:
    source = document.fields["logsource"]
    parts = [f"    {key}: {source[key]}" for key in ("category", "product", "service") if source.get(key)]
    return "\n".join(["logsource:", *parts]) if parts else ""


def log_source(document: Document, setting: Setting, dice: Random) -> list[DraftExample] | Skip:
    """Ask for the log source of a rule, as YAML."""
    answer = _log_source(document)
    if not answer:
        return Skip(Reason("template.no_log_source"))
    return [DraftExample(dice.choice(_LOG_SOURCE).format(**_about(document)), answer, ("logsource",))]


def write_rule(document: Document, setting: Setting, dice: Random) -> list[DraftExample] | Skip:
    """Ask for the detection section from description and log source; the answer is the rule's own."""
    answer, source = document.fields["detection"], _log_source(document)
    if len(answer) > setting.max_answer:
        return Skip(Reason("template.long_detection"))
    if answer.count("- ") > _MOST_LISTED:
        return Skip(Reason("template.indicators"))
    if not source:
        return Skip(Reason("template.no_log_source"))
    return [DraftExample(dice.choice(_WRITE).format(source=source, **_about(document)), answer, ("detection",))]
