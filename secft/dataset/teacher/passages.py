"""Passages: short, whole pieces of documents that a teacher is shown, and which of them are chosen."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Callable, Container, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from hashlib import blake2b
from itertools import zip_longest
from operator import itemgetter
from typing import Any

from secft.dataset.seen import SeenIds
from secft.dataset.split import rank
from secft.dataset.teacher.words import content_words
from secft.dataset.text import sentences, squeeze
from secft.records import Document

ASPECTS = {
    "question_answer": ("description", "mitigation", "detection"),
    "multi_turn": ("description", "mitigation", "detection"),
    "preference": ("description", "mitigation", "detection"),
    "scenario": ("description",),
    "detection": ("detection",),
    "remediation": ("mitigation",),
}
"""Task -> what a passage must be about."""

_MIN_WORDS = 8
_MIN_CHARACTERS = 60
_HEADINGS = {
    "mitigation": re.compile(r"prevent|mitigat|remediat|fix|protect|defen[cs]e|harden|recommend|countermeasure", re.I),
    "detection": re.compile(r"detect|monitor|logging|audit|alert|hunt", re.I),
}
_LONG_SENTENCE = 13
"""Words from which a sentence that stands in a held-out answer as well would be left out of training."""
_SLACK = 64
"""Passages of a queue over twice the limit before the last ones are let go."""
_PASSED_ON = ("record", "trajectory")
_REFERENCE = re.compile(r"\s*\(?\[REF-\d+\]\)?")
_SEE = re.compile(r"(?:see|refer to|according to)\b.*\[REF-\d+\]", re.IGNORECASE)
_LEANS_BACK = re.compile(
    r"(?:however|also|further(?:more)?|in addition|additionally|moreover|therefore|thus|hence|otherwise|instead|then|"
    r"second|third|finally|such|these|those|this|that|it|they|similarly|likewise|alternatively|while|unless|note|"
    r"for example|for instance|as (?:an )?example|but|and|or)\b",
    re.IGNORECASE,
)
_TELLS_NOTHING = re.compile(
    r"cannot be easily mitigated|no (?:specific )?mitigation|making detection difficult|"
    r"efforts may be focused on related",
    re.IGNORECASE,
)


@dataclass(frozen=True)
class Passage:
    """A piece of a document.

    Attributes:
        document: where it comes from.
        aspect: ``description``, ``mitigation`` or ``detection``.
        number: its place among the passages of its document and aspect.
        fields: parts of the document that it comes from.
        sentences: its sentences, in order.
    """

    document: Document
    aspect: str
    number: int
    fields: tuple[str, ...]
    sentences: tuple[str, ...]

    @property
    def text(self) -> str:
        """The sentences on one line."""
        return " ".join(self.sentences)

    @property
    def subject(self) -> str:
        """What it is about: the official id, where the document has one, and the title."""
        official = self.document.id if re.fullmatch(r"[A-Z]+-?\d[\w.()-]*", self.document.id) else ""
        return f"{official} {self.document.title}".strip()

    @property
    def key(self) -> str:
        """A stable name."""
        return f"{self.document.source}:{self.document.id}:{self.aspect}.{self.number}"


def _texts(document: Document) -> Iterator[tuple[str, str, str]]:
    """Yield (aspect, field, text) of the parts of a document that people read."""
    fields = document.fields
    if document.kind == "weakness":
        yield "description", "description", f"{fields['description']} {fields.get('extended_description', '')}"
        yield from _listed("mitigation", "mitigations", fields.get("mitigations", []), "description")
        yield from _listed("detection", "detection_methods", fields.get("detection_methods", []), "description")
    elif document.kind == "technique":
        yield "description", "description", fields["description"]
        yield from _listed("mitigation", "mitigations", fields.get("mitigations", []), "description")
        for strategy in fields.get("detection", []):
            yield from (("detection", "detection", text) for text in strategy["analytics"])
    elif document.kind not in _PASSED_ON:
        head = f"{document.title} {fields.get('section', '')}"
        aspect = next((name for name, pattern in _HEADINGS.items() if pattern.search(head)), "description")
        yield from ((aspect, "text", part) for part in document.text.split("\n\n"))


def _listed(aspect: str, field: str, items: Iterable[Mapping[str, Any]], key: str) -> Iterator[tuple[str, str, str]]:
    yield from ((aspect, field, item[key]) for item in items)


def passages(document: Document, characters: int) -> list[Passage]:
    """Cut a document into passages of whole sentences.

    Args:
        document: any document; conversations and trajectories have none.
        characters: longest passage; a sentence that is longer is left out.
    """
    found: list[Passage] = []
    counts: dict[str, int] = defaultdict(int)
    for aspect, field, text in _texts(document):
        for group in _groups(text, characters):
            joined = " ".join(group)
            if _TELLS_NOTHING.search(joined) or len(joined) < _MIN_CHARACTERS:
                continue
            if len(set(content_words(joined))) >= _MIN_WORDS:
                found.append(Passage(document, aspect, counts[aspect], (field,), tuple(group)))
                counts[aspect] += 1
    return found


def _groups(text: str, characters: int) -> Iterator[list[str]]:
    """Gather sentences in order into runs that fit; what was clipped by its owner is no sentence."""
    group: list[str] = []
    for raw in sentences(text):
        sentence = _REFERENCE.sub("", squeeze(raw))
        if sentence.endswith(("...", "…", ":")) or not sentence[-1:].strip() or len(sentence) > characters:
            continue
        if _SEE.match(raw):
            continue
        if group and sum(map(len, group)) + len(group) + len(sentence) > characters:
            yield group
            group = []
        if not group and _LEANS_BACK.match(sentence):
            continue  # it says nothing without the sentence before it
        group.append(sentence)
    if group:
        yield group


def sentence_keys(documents: Iterable[Document], characters: int) -> frozenset[int]:
    """Return keys of the long sentences of documents, for ``shares_sentence``."""
    return frozenset(key for document in documents for one in passages(document, characters) for key in _long(one))


def shares_sentence(passage: Passage, keys: Container[int]) -> bool:
    """Tell whether a passage has a long sentence of other documents."""
    return any(key in keys for key in _long(passage))


def _long(passage: Passage) -> Iterator[int]:
    for sentence in passage.sentences:
        words = sentence.casefold().split()
        if len(words) >= _LONG_SENTENCE:
            yield int.from_bytes(blake2b(" ".join(words).encode(), digest_size=8).digest(), "big")


def choose(
    documents: Iterable[Document],
    tasks: Sequence[str],
    limit: int | None,
    characters: int,
    seed: int,
    usable: Callable[[Passage], bool] = lambda passage: True,
) -> list[tuple[str, Passage]]:
    """Choose which passages are asked about for which task.

    Sources and tasks take turns, each in seeded order, so that no large source crowds out a small one, and the first
    passages stay chosen when the limit grows.

    Returns:
        (task, passage) pairs.
    """
    queues: dict[tuple[str, str], _Queue] = defaultdict(lambda: _Queue(limit))
    seen = SeenIds()
    for document in documents:
        for passage in filter(usable, passages(document, characters)):
            for task in tasks:
                if passage.aspect in ASPECTS[task] and seen.add(f"{task}\n{passage.text}"):
                    name = f"{task}:{passage.key}"
                    queues[task, document.source].add(rank(seed, name), name, passage)
    ordered = [[(task, passage) for passage in queue.first()] for (task, _), queue in sorted(queues.items(), key=_name)]
    turns = (pair for turn in zip_longest(*ordered) for pair in turn if pair is not None)
    chosen = list(turns)
    return chosen if limit is None else chosen[:limit]


class _Queue:
    """The first passages by rank and name; only so many as can be chosen are kept."""

    def __init__(self, limit: int | None) -> None:
        self._limit = limit
        self._entries: list[tuple[float, str, Passage]] = []

    def add(self, ranked: float, name: str, passage: Passage) -> None:
        self._entries.append((ranked, name, passage))
        if self._limit is not None and len(self._entries) > 2 * self._limit + _SLACK:
            self._cut()

    def first(self) -> list[Passage]:
        self._cut()
        return [passage for _, _, passage in self._entries]

    def _cut(self) -> None:
        self._entries.sort(key=itemgetter(0, 1))
        if self._limit is not None:
            del self._entries[self._limit :]


def _name(queue: tuple[tuple[str, str], _Queue]) -> tuple[str, str]:
    return queue[0]
