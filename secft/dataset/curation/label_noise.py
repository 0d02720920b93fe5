"""Labels that contradict each other or the document they come from.

Only labels are compared: the right one of several choices, or an answer of a few words to a question without choices.
Two long explanations of one thing are no contradiction.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from secft.config.schemas.curation import LabelConfig
from secft.dataset.clean import comparable
from secft.dataset.curation.catalogue import DocumentCatalogue
from secft.dataset.dedup.words import Hashes, Rows
from secft.dataset.text import squeeze
from secft.reasons import Reason
from secft.records import Example, message_text

SHORT = 6
"""Answers of at most so many words are labels."""

MINORITY = Reason("labels.minority")
TIE = Reason("labels.tie")
NEAR = Reason("labels.near")
CONTRADICTION = Reason("labels.contradiction")

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
    turns = [message_text(message) for message in example.messages[:-1] if message["role"] != "system"]
    lines = [line for turn in turns for line in turn.splitlines() if line.strip() not in options]
    # Signs count: "../" and "..\\" in a question can make all the difference.
    return f"{squeeze(' '.join(lines)).casefold()}\x1f{_options(example)}"


def near_key(key: str) -> str:
    """Return what two examples share that ask nearly the same: words in any order, and the options."""
    question, _, options = key.partition("\x1f")
    return f"{' '.join(sorted(comparable(question).split()))}\x1f{options}"


def conflicts(
    questions: Hashes, nearby: Hashes, labels: Hashes, settings: LabelConfig
) -> tuple[dict[int, Reason], Counter[str]]:
    """Find examples whose label contradicts that of others with the same question.

    Args:
        questions: shape (n,), what examples share that ask the same.
        nearby: shape (n,), what choices share that ask nearly the same; 0 for all others.
        labels: shape (n,); 0 where an example has none.
        settings: what is dropped.

    Returns:
        Row of a dropped example -> reason, and the number of examples in contradictions by kind, dropped or not.
    """
    found: dict[int, Reason] = {}
    counted: Counter[str] = Counter()
    for rows in _disagreeing(questions, labels, labels != 0):
        counted["same question, different labels"] += len(rows)
        found.update(_losers(rows, labels[rows], settings.conflicts))
    for rows in _disagreeing(nearby, labels, (labels != 0) & (nearby != 0)):
        if np.unique(questions[rows]).size > 1:
            counted[NEAR.text()] += len(rows)
            if settings.near == "drop":
                found.update({row: found.get(row, NEAR) for row in rows.tolist()})
    return found, counted


def _disagreeing(keys: Hashes, labels: Hashes, counts: NDArray[np.bool_]) -> Iterator[Rows]:
    """Yield the rows of each key that has several labels, in ascending order."""
    rows = np.flatnonzero(counts)
    rows = rows[np.lexsort((rows, labels[rows], keys[rows]))]
    if not rows.size:
        return
    edges = np.flatnonzero(np.concatenate([[True], keys[rows][1:] != keys[rows][:-1]]))
    for start, end in zip(edges.tolist(), [*edges[1:].tolist(), rows.size], strict=True):
        if labels[rows[start]] != labels[rows[end - 1]]:  # labels of a key are sorted
            yield np.sort(rows[start:end])


def _losers(rows: Rows, labels: Hashes, policy: str) -> dict[int, Reason]:
    if policy == "keep":
        return {}
    votes = Counter(labels.tolist())
    (first, most), (_, second) = votes.most_common(2)
    if policy == "drop" or most == second:
        return dict.fromkeys(rows.tolist(), TIE)
    return dict.fromkeys(rows[labels != np.uint64(first)].tolist(), MINORITY)


def contradicts(example: Example, known: DocumentCatalogue | None) -> bool:
    """Tell whether the right answer of a choice is not what the fields of its document say.

    Checked are tactics of techniques, consequence classes of weaknesses, and titles of what is described.
    """
    facts = known.facts.get(example.provenance.document) if known is not None and example.choices else None
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
