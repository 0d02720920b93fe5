"""Task ``multiple_choice``: four options, where the wrong ones are the hardest to tell from the right one."""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from random import Random
from sys import intern

from secft.dataset.templates.protect import NO_MEASURES
from secft.dataset.templates.writing import DraftExample, Setting, Skip, called, excerpt, full_title, without_name
from secft.reasons import Reason
from secft.records import Document

_NEIGHBOURS = 12
_MAX_SHARE = 0.1
_LETTERS = "ABCD"
_IDENTIFY = {
    "weakness": ("Which weakness is described?\n{text}", "Pick the CWE title that fits.\n{text}"),
    "technique": ("Which ATT&CK technique is described?\n{text}", "Pick the ATT&CK technique that fits.\n{text}"),
    "attack_pattern": ("Which attack pattern is described?\n{text}", "Pick the CAPEC title that fits.\n{text}"),
    "control": ("Which control requires this?\n{text}", "Pick the control that states this requirement.\n{text}"),
}
_MITIGATION = (
    "Which mitigation does ATT&CK list for {name}?",
    "Which of these measures mitigates {name}, according to ATT&CK?",
)


def _told(document: Document) -> str:
    """Return the text that a question shows; controls without a statement of their own have titles that say it all."""
    text: str = document.fields.get("statement" if document.kind == "control" else "description") or ""
    return text


def _words(document: Document) -> frozenset[str]:
    text = f"{document.title} {_told(document)}"[:600].lower()
    return frozenset(map(intern, re.findall(r"[a-z][a-z0-9]{2,}", text)))


def _related(document: Document) -> set[str]:
    """Return ids that would be right as well, or nearly so: parents, children and peers of a document."""
    relations = {item["id"] for item in document.fields.get("relations", [])}
    return {document.id, document.fields.get("parent", ""), *relations}


def _groups(document: Document) -> set[str]:
    """Return what makes documents siblings: the same parent, or the same tactic."""
    parent = document.fields.get("parent")
    return {*([f"parent {parent}"] if parent else []), *(document.fields.get("tactics") or [])}


def neighbours(documents: Iterable[Document]) -> dict[str, list[str]]:
    """Return for each document the ids of similar ones of its kind, most similar first.

    Similarity is the Dice coefficient 2|A & B| / (|A| + |B|) of the sets of words of title and description, without
    words that more than a tenth of the documents share; siblings count half as much again. Only integers are summed,
    so that the order is the same on every machine.
    """
    by_kind: dict[str, dict[str, _Compared]] = defaultdict(dict)
    for document in documents:
        by_kind[document.kind][document.id] = _Compared(_words(document), _groups(document), _related(document))
    return {identifier: near for same in by_kind.values() for identifier, near in _neighbours_of_kind(same).items()}


@dataclass(frozen=True)
class _Compared:
    """What is compared of a document; the document itself is not kept."""

    words: frozenset[str]
    groups: set[str]
    related: set[str]


def _neighbours_of_kind(documents: Mapping[str, _Compared]) -> dict[str, list[str]]:
    words = {identifier: document.words for identifier, document in documents.items()}
    groups = {identifier: document.groups for identifier, document in documents.items()}
    related = {identifier: document.related for identifier, document in documents.items()}
    holders: dict[str, list[str]] = defaultdict(list)
    for identifier in sorted(words):
        for word in words[identifier]:
            holders[word].append(identifier)
    rare = {word: ids for word, ids in holders.items() if len(ids) <= max(2, _MAX_SHARE * len(documents))}
    result = {}
    for identifier, own in words.items():
        shared = Counter(other for word in own if word in rare for other in rare[word])
        scores = {
            other: 2 * count / (len(own) + len(words[other])) * (1.5 if groups[identifier] & groups[other] else 1)
            for other, count in shared.items()
            if other not in related[identifier] and identifier not in related[other]
        }
        result[identifier] = sorted(scores, key=lambda other: (-scores[other], other))[:_NEIGHBOURS]
    return result


def _options(right: str, wrong: Sequence[str], dice: Random) -> tuple[tuple[str, ...], int]:
    """Shuffle the right option among three wrong ones and put letters before them."""
    texts = [right, *wrong]
    dice.shuffle(texts)
    return tuple(f"{letter}. {text}" for letter, text in zip(_LETTERS, texts, strict=True)), texts.index(right)


def _draft(question: str, right: str, wrong: Sequence[str], field: str, dice: Random) -> DraftExample:
    choices, index = _options(right, wrong, dice)
    return DraftExample("\n".join([question, *choices]), choices[index], (field,), choices, index)


def _distractors(pool: Iterable[str], taboo: set[str]) -> list[str]:
    """Return the first three different texts that are not taboo."""
    return [text for text in dict.fromkeys(pool) if text not in taboo][:3]


def _identify(document: Document, setting: Setting, dice: Random) -> DraftExample | None:
    near = [setting.documents[identifier] for identifier in setting.neighbours.get(document.id, [])]
    wrong = _distractors((full_title(other) for other in near), {full_title(document)})
    if len(wrong) < 3:
        return None
    text = without_name(excerpt(_told(document), 240), document)
    return _draft(dice.choice(_IDENTIFY[document.kind]).format(text=text), full_title(document), wrong, "title", dice)


def _mitigation(document: Document, setting: Setting, dice: Random) -> DraftExample | None:
    if document.kind != "technique" or not document.fields["mitigations"]:
        return None
    own = [row["name"] for row in document.fields["mitigations"]]
    near: Mapping[str, Document] = setting.documents
    others = (near[identifier] for identifier in setting.neighbours.get(document.id, []))
    pool = [row["name"] for other in others for row in other.fields.get("mitigations", [])]
    wrong = _distractors(pool, {*own, *NO_MEASURES})
    if len(wrong) < 3 or set(own) & set(NO_MEASURES):
        return None
    question = dice.choice(_MITIGATION).format(name=called(document))
    return _draft(question, dice.choice(own), wrong, "mitigations", dice)


def multiple_choice(document: Document, setting: Setting, dice: Random) -> list[DraftExample] | Skip:
    """Ask for the entry that is described, or for one of a technique's mitigations."""
    if not _told(document):
        return Skip(Reason("template.no_statement_for_choice"))
    drafts = [_identify(document, setting, dice), _mitigation(document, setting, dice)]
    dice.shuffle(drafts)
    written = [draft for draft in drafts if draft is not None]
    return written or Skip(Reason("template.few_neighbours"))
