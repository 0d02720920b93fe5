"""What every task of the templates shares: drafts, seeded choice of phrasings, and text that comes from a document."""

from __future__ import annotations

import hashlib
import random
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from secft.dataset.text import cut, squeeze
from secft.reasons import Reason
from secft.records import Document, Message


@dataclass(frozen=True)
class DraftExample:
    """One question and its answer, before it becomes an example.

    Attributes:
        question: what the user says.
        answer: what the assistant says; for a choice exactly ``choices[right]``.
        fields: parts of the document that the answer comes from.
        choices: candidate answers, or empty.
        right: index of the right choice, or -1.
        label: distinguishes drafts of one task and document; empty means their number.
        messages: a whole conversation in place of question and answer, under the system message of its own.
        tools: what is offered in it, as JSON schemas.
    """

    question: str
    answer: str
    fields: tuple[str, ...]
    choices: tuple[str, ...] = ()
    right: int = -1
    label: str = ""
    messages: tuple[Message, ...] = ()
    tools: tuple[dict[str, Any], ...] = ()


@dataclass(frozen=True)
class Skip:
    """Why a document gives no example of a task."""

    reason: Reason


@dataclass(frozen=True)
class Setting:
    """What writers may use besides the document itself.

    Attributes:
        max_answer: most characters of an answer.
        neighbours: document id -> ids of similar documents of its kind, the hardest to tell apart first.
        documents: every document by id.
    """

    max_answer: int
    neighbours: Mapping[str, Sequence[str]]
    documents: Mapping[str, Document]


def dice(seed: int, *names: str) -> random.Random:
    """Return a random generator that depends on a seed and on names only, in every process and on every machine."""
    text = "\x1f".join([str(seed), *names])
    return random.Random(int.from_bytes(hashlib.sha256(text.encode()).digest()[:8], "big"))


def called(document: Document) -> str:
    """Return how a document is named in a question, for example ``CWE-79 (Cross-site Scripting)``."""
    return f"{document.id} ({document.title})"


def full_title(document: Document) -> str:
    """Return a technique's title with its parent's, as ATT&CK writes it: ``Phishing: Spearphishing Link``."""
    parent = document.fields.get("parent_name") if document.kind == "technique" else ""
    return f"{parent}: {document.title}" if parent else document.title


def without_name(text: str, document: Document) -> str:
    """Replace a document's own name and id in a text, so that a question does not give its answer away.

    Weaknesses have descriptive titles that their text does not repeat word by word; short names in quotes do count.
    """
    names = [document.id, document.title, *re.findall(r"\('([^']+)'\)", document.title)]
    terms = document.fields.get("alternate_terms", [])
    names += [item if isinstance(item, str) else item["term"] for item in terms]
    noun = f"this {document.kind.replace('_', ' ')}"
    for name in sorted(filter(None, names), key=len, reverse=True):
        text = re.sub(rf"(?<!\w){re.escape(name)}(?!\w)", noun, text, flags=re.IGNORECASE)
    return text


def bullets(items: Sequence[str], limit: int) -> str:
    """Return as many items as fit, at least the first, each on a line of its own; a single one has no dash."""
    kept = list(items[:1])
    for item in items[1:]:
        if sum(len(line) + 3 for line in [*kept, item]) > limit:
            break
        kept.append(item)
    return kept[0] if len(kept) == 1 else "\n".join(f"- {item}" for item in kept)


def first_sentences(texts: Sequence[str], limit: int) -> list[str]:
    """Return the beginning of each text in whole sentences, without empty ones and repetitions."""
    return list(dict.fromkeys(filter(None, (cut(text, limit) for text in texts))))


def excerpt(text: str, limit: int) -> str:
    """Return the beginning of a text for a question: whole sentences if possible, else cut at a word."""
    whole = cut(text, limit)
    if whole:
        return whole
    line = squeeze(text)
    return line if len(line) <= limit else f"{line[:limit].rsplit(' ', 1)[0]} ..."
