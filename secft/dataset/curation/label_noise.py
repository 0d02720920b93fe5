"""Labels that contradict each other or the document they come from.

Only labels are compared: the right one of several choices, or an answer of a few words to a question without choices.
Two long explanations of one thing are no contradiction.
"""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence

from secft.config.curation import LabelConfig
from secft.dataset.clean import comparable
from secft.dataset.curation.catalogue import Catalogue
from secft.dataset.text import squeeze
from secft.records import Example

SHORT = 6
"""Answers of at most so many words are labels."""

MINORITY = "same question, another label than most have"
TIE = "same question, labels in conflict"
NEAR = "nearly the same question, another right choice"
CONTRADICTION = "the label contradicts its document"

_LETTER = re.compile(r"^[A-Z][.)] ")


def label(example: Example) -> str:
    """Return the label of an example in the form for comparison, or an empty string if it has none."""
    answer = example.messages[-1]["content"]
    if example.choices:
        return comparable(_LETTER.sub("", answer))
    return comparable(answer) if len(answer.split()) <= SHORT else ""


def _options(example: Example) -> str:
    return "\x1f".join(sorted(comparable(_LETTER.sub("", choice)) for choice in example.choices))


def question_key(example: Example) -> str:
    """Return what two examples share that ask the same: the turns up to the answer and the options, in any order."""
    options = set(example.choices)
    turns = [message["content"] for message in example.messages[:-1] if message["role"] != "system"]
    lines = [line for turn in turns for line in turn.splitlines() if line.strip() not in options]
    # Signs count: "../" and "..\\" in a question can make all the difference.
    return f"{squeeze(' '.join(lines)).casefold()}\x1f{_options(example)}"


def _near_key(key: str) -> str:
    question, _, options = key.partition("\x1f")
    return f"{' '.join(sorted(comparable(question).split()))}\x1f{options}"


def conflicts(examples: Iterable[Example], settings: LabelConfig) -> tuple[dict[str, str], Counter[str]]:
    """Find examples whose label contradicts that of others with the same question.

    Args:
        examples: cleaned; their order does not matter.
        settings: what is dropped.

    Returns:
        Id of a dropped example -> reason, and the number of examples in contradictions by kind, dropped or not.
    """
    same: dict[str, list[tuple[str, str]]] = defaultdict(list)
    near: dict[str, list[tuple[str, str, str]]] = defaultdict(list)
    for example in examples:
        name = label(example)
        if name:
            key = question_key(example)
            same[key].append((example.id, name))
            if example.choices:
                near[_near_key(key)].append((example.id, name, key))
    found: dict[str, str] = {}
    counted: Counter[str] = Counter()
    for group in same.values():
        if len({name for _, name in group}) > 1:
            counted["same question, different labels"] += len(group)
            found.update(_losers(group, settings.conflicts))
    for nearby in near.values():
        if len({name for _, name, _ in nearby}) > 1 and len({key for _, _, key in nearby}) > 1:
            counted[NEAR] += len(nearby)
            if settings.near == "drop":
                found.update({identifier: found.get(identifier, NEAR) for identifier, _, _ in nearby})
    return found, counted


def _losers(group: Sequence[tuple[str, str]], policy: str) -> dict[str, str]:
    if policy == "keep":
        return {}
    votes = Counter(name for _, name in group)
    (first, most), (_, second) = votes.most_common(2)
    if policy == "drop" or most == second:
        return dict.fromkeys((identifier for identifier, _ in group), TIE)
    return {identifier: MINORITY for identifier, name in group if name != first}


def contradictions(examples: Iterable[Example], known: Catalogue) -> dict[str, str]:
    """Find choices whose right answer is not what the fields of their document say.

    Checked are tactics of techniques, consequence classes of weaknesses, and titles of what is described.

    Returns:
        Id -> reason.
    """
    return {example.id: CONTRADICTION for example in examples if example.choices and _contradicts(example, known)}


def _contradicts(example: Example, known: Catalogue) -> bool:
    facts = known.facts.get(example.provenance.document)
    if facts is None:
        return False
    answer = label(example)
    checks: Mapping[tuple[str, ...], Sequence[str]] = {
        ("tactics",): facts.tactics,
        ("consequences",): (facts.consequence,) if facts.consequence else (),
    }
    allowed = checks.get(example.provenance.fields, ())
    if allowed:
        return answer not in {comparable(name) for name in allowed}
    return example.provenance.fields == ("title",) and comparable(facts.title) not in answer
