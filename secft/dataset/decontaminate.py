"""Keep what is measured out of what is learned: no shared question, no long shared run of words, no shared subject.

The own test split is guarded by ``contaminated``; every other evaluation set (secft's own ones, files of the user's) is
a guard set, a name with the texts of its items, and is guarded by ``guarded``. Rules of a guard set, in this order: the
same question, a shared run of words, an item that stands whole in a text, an identifier that is named by both, and the
cosine of embeddings.

Source of the run of words: Brown et al., Language Models are Few-Shot Learners, 2020, appendix C (13-grams).
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Any

from secft.config.curation import GuardConfig
from secft.dataset.clean import comparable
from secft.dataset.curation.catalogue import identifiers
from secft.records import Example

SAME_QUESTION = "same question as a test example"
_VULNERABILITY = re.compile(r"^(?:CVE|GHSA|RUSTSEC|PYSEC|GO)-")

Embed = Callable[[Sequence[str]], Any]
GuardSets = Mapping[str, Sequence[str]]


def _question(example: Example) -> str:
    asked = [message["content"] for message in example.messages if message["role"] == "user"]
    return comparable(" ".join(asked))


def _answer(example: Example) -> str:
    return comparable(example.messages[-1]["content"])


def word_runs(text: str, words: int) -> set[str]:
    """Return all runs of exactly ``words`` words; none if the text is shorter."""
    parts = text.split()
    return {" ".join(parts[start : start + words]) for start in range(len(parts) - words + 1)}


def contaminated(train: Sequence[Example], test: Iterable[Example], words: int) -> dict[str, str]:
    """Find training examples that give test examples away.

    Args:
        train: examples to be trained on.
        test: held-out examples.
        words: length of a shared run, in words, between a training answer and a test answer; 0 is off.

    Returns:
        Id of a training example -> reason.
    """
    held_out = list(test)
    questions = {_question(example) for example in held_out}
    runs = {run for example in held_out for run in word_runs(_answer(example), words)} if words else set()
    reason = f"shares {words} words in a row with a test answer"
    found: dict[str, str] = {}
    for example in train:
        if _question(example) in questions:
            found[example.id] = SAME_QUESTION
        elif runs and not runs.isdisjoint(word_runs(_answer(example), words)):
            found[example.id] = reason
    return found


@dataclass
class GuardIndex:
    """One guard set, prepared for look-ups.

    Attributes:
        name: name of the set.
        items: texts, as they are.
        questions: items in the form for comparison.
        runs: first two words of a run -> runs, for runs of the configured length and for short items as a whole.
        ids: identifiers that the items name.
    """

    name: str
    items: Sequence[str]
    questions: set[str] = field(default_factory=set)
    runs: dict[tuple[str, ...], set[tuple[str, ...]]] = field(default_factory=dict)
    ids: set[str] = field(default_factory=set)


def guard_index(name: str, items: Sequence[str], settings: GuardConfig) -> GuardIndex:
    """Prepare a guard set: its questions, runs of words and identifiers."""
    index = GuardIndex(name, items)
    for item in items:
        question = comparable(item)
        index.questions.add(question)
        words = question.split()
        size = min(settings.words, len(words))
        if size >= min(settings.short_words, settings.words) > 0:
            for start in range(len(words) - size + 1):
                run = tuple(words[start : start + size])
                index.runs.setdefault(run[:2], set()).add(run)
        wanted = identifiers(item)
        index.ids.update(name for name in wanted if _counts(name, settings))
    index.questions.discard("")
    return index


def _counts(identifier: str, settings: GuardConfig) -> bool:
    return settings.vulnerability_ids if _VULNERABILITY.match(identifier) else settings.subject_ids


def _rule(
    example: Example, index: GuardIndex, question: str, words: Sequence[str], named: frozenset[str]
) -> str | None:
    if question in index.questions:
        return "same question"
    for start, pair in enumerate(pairwise(words)):
        for run in index.runs.get(pair, ()):
            if tuple(words[start : start + len(run)]) == run:
                return "shared words"
    return "shared identifier" if named & index.ids or example.entity in index.ids else None


def guarded(
    train: Sequence[Example], sets: GuardSets, settings: GuardConfig, embed: Embed | None = None
) -> tuple[dict[str, str], list[dict[str, Any]]]:
    """Find training examples that give items of evaluation sets away.

    Args:
        train: examples to be trained on, validation included.
        sets: name of an evaluation set -> texts of its items.
        settings: which rules are used, and their limits.
        embed: texts -> array of shape (n, d), rows of length 1; used where ``settings.similarity`` is set.

    Returns:
        Id of an example -> reason, and one row per set: ``set``, ``items``, ``checked``, ``hits`` (rule -> number) and
        ``dropped``. An example that several sets forbid is counted as dropped by the first.
    """
    indexes = [guard_index(name, items, settings) for name, items in sorted(sets.items())]
    hits: dict[str, dict[str, str]] = {index.name: {} for index in indexes}
    for example in train:
        question = _question(example)
        text = "\n".join(message["content"] for message in example.messages if message["role"] != "system")
        words, named = comparable(text).split(), identifiers(text)
        for index in indexes:
            rule = _rule(example, index, question, words, named)
            if rule:
                hits[index.name][example.id] = rule
    if settings.similarity is not None and embed is not None and train:
        _add_similar(train, indexes, settings.similarity, embed, hits)
    found: dict[str, str] = {}
    table = []
    for index in indexes:
        new = {identifier: rule for identifier, rule in hits[index.name].items() if identifier not in found}
        found.update({identifier: f"{rule}: {index.name}" for identifier, rule in new.items()})
        table.append(
            {"set": index.name, "items": len(index.items), "checked": len(train),
             "hits": dict(sorted(Counter(hits[index.name].values()).items())), "dropped": len(new)}
        )  # fmt: skip
    return found, table


def _add_similar(
    train: Sequence[Example],
    indexes: Sequence[GuardIndex],
    threshold: float,
    embed: Embed,
    hits: dict[str, dict[str, str]],
) -> None:
    """Add examples whose question is similar to an item: cosine at or above the threshold."""
    import numpy as np

    questions = [_question(example) for example in train]
    learned = np.asarray(embed(questions))
    for index in indexes:
        if not index.items:
            continue
        near = learned @ np.asarray(embed(list(index.items))).T
        for example, best in zip(train, near.max(axis=1), strict=True):
            if best >= threshold:
                hits[index.name].setdefault(example.id, "similar meaning")
