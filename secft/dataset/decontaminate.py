"""Keep what is measured out of what is learned: no shared question, no long shared run of words, no shared subject.

The own test split is guarded by equal questions and shared runs of words; every other evaluation set (secft's own ones,
files of the user's) is a guard set, a name with the texts of its items. Rules of a guard set, in this order: the same
question, a shared run of words, an item that stands whole in a text, an identifier that is named by both, and the
cosine of embeddings. What training examples are looked at for is done in parts, by workers (``watch``).

Source of the run of words: Brown et al., Language Models are Few-Shot Learners, 2020, appendix C (13-grams).
"""

from __future__ import annotations

import json
import math
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from itertools import islice, pairwise
from pathlib import Path
from typing import Any

import numpy as np

from secft.config.schemas.curation import GuardConfig
from secft.dataset.clean import comparable
from secft.dataset.curation.facts import asked_text
from secft.dataset.curation.table import Places
from secft.dataset.dedup.common import FEWEST, Common, more_than
from secft.dataset.dedup.words import Hashes, Rows, shingle_hashes, word_hashes
from secft.files import canonical_json
from secft.reasons import Reason
from secft.records import Example
from secft.security.identifiers import is_vulnerability, named

EMBEDDED = 4096
"""Examples whose questions are embedded at once."""

SAME_QUESTION = Reason("decontamination.question")
SPARED = Reason("decontamination.spared")
"""No longer held out, because too much of what is learned repeats it."""
COMMON = "decontamination.common"
"""Code of examples that stay because what they repeat stands in many answers."""

Embed = Callable[[Sequence[str]], Any]
GuardSets = Mapping[str, Sequence[str]]


PIECE = 5
"""Words of the pieces of a run that are looked up among what is common."""
PIECES_OF_AN_ANSWER = 60
"""About so many pieces has an answer; decides how finely they are counted."""
MANY = 1000
"""Answers beyond which a piece is common, whatever their share."""
FEWER = (10, 3)
"""Answers beyond which a piece is common where the usual number would leave little to learn from."""
FEWEST_COUNTED = 5
"""So few among the counted answers may be chance."""
COUNTED = 200_000
"""Answers among which common pieces are counted."""
COUNTED_AT_ONCE = 20_000
NEVER = np.iinfo(np.int32).max
"""Place of a run that no held-out answer has."""


def common_limits(share: float, answers: int) -> list[float]:
    """Return in how many answers a piece must stand to be common: the usual number, then lower ones.

    What stands in more than ``MANY`` answers is common whatever their share: a standard sentence does not become a copy
    because a million other records do not have it. The lower ones are for data that consists of standard texts, where
    guarding the test split by the usual number would leave little to learn from.

    Args:
        share: from 0 to 1; at 1 nothing is common.
        answers: how many there are.

    Source: Brown et al. 2020, appendix C, take runs of more than ten documents for common phrases.
    """
    if share >= 1:
        return [math.inf]
    usual = min(max(share * answers, FEWEST), MANY)
    return [usual, *(fewer for fewer in FEWER if fewer < usual)]


def common_pieces(answers: Iterable[str], counted: int, most: float) -> Common:
    """Find the pieces of ``PIECE`` words that stand in more than so many answers, each counted once in an answer.

    Args:
        answers: some of all answers, chosen by chance.
        counted: how many.
        most: as many of them may have a piece that is not common; infinite finds none.
    """
    stream, pieces = iter(answers), PIECES_OF_AN_ANSWER * counted

    def parts() -> Iterator[Hashes]:
        while batch := list(islice(stream, COUNTED_AT_ONCE)):
            hashes, numbers = _runs(batch, PIECE)
            owners = np.repeat(np.arange(len(batch)), numbers)
            order = np.lexsort((hashes, owners))
            hashes, owners = hashes[order], owners[order]
            first = np.ones(hashes.size, bool)
            first[1:] = (hashes[1:] != hashes[:-1]) | (owners[1:] != owners[:-1])
            yield hashes[first]

    return more_than(parts() if math.isfinite(most) else (), pieces, most)


@dataclass(frozen=True)
class HeldOutAnswers:
    """Answers that are held out, in the order in which they are given up.

    Attributes:
        rows: shape (n,), their rows, ascending.
        places: shape (n,), place of the entity of each; entities of high places are given up first.
    """

    rows: Rows
    places: Rows


def answer_runs(places: Places, words: int, common: Common, held_out: HeldOutAnswers) -> tuple[Hashes, Rows]:
    """Return the runs of exactly ``words`` words in held-out answers; runs in any process.

    A run most of whose pieces are common is left out: answers that end in the same standard sentence are no copies.

    Args:
        places: where the examples are.
        words: length of a run.
        common: see common_pieces.
        held_out: all held-out rows.

    Returns:
        Hashes of the runs, sorted, each once, and the lowest place of an answer that has it.
    """
    of = held_out.places[np.searchsorted(held_out.rows, places.rows)]
    answers = [example.reply for example in places.examples()]
    hashes, numbers = _runs(answers, words)
    pieces = words - PIECE + 1
    if common.any and pieces > 0 and hashes.size:
        # Texts with a run have pieces - 1 more pieces than runs; the piece of a run are those from its place on.
        long_enough = numbers > 0
        found, counts = _runs([answer for answer, long in zip(answers, long_enough, strict=True) if long], PIECE)
        before = np.concatenate([[0], np.cumsum(common.of(found), dtype=np.int64)])
        starts = np.repeat(np.cumsum(counts) - counts, numbers[long_enough])
        offsets = np.concatenate([np.arange(number) for number in numbers[long_enough].tolist()])
        first = starts + offsets
        own = before[first + pieces] - before[first] <= pieces // 2
        return lowest_places(hashes[own], np.repeat(of, numbers)[own])
    return lowest_places(hashes, np.repeat(of, numbers))


def lowest_places(hashes: Hashes, places: Rows) -> tuple[Hashes, Rows]:
    """Return distinct hashes, sorted, with the lowest place of each; both of shape (n,)."""
    order = np.lexsort((places, hashes))
    found, first = np.unique(hashes[order], return_index=True)
    return found, places[order][first]


def fewer_held_out(first: Rows, sizes: Rows, most: float, least: int) -> int:
    """Return how many held-out entities stay, so that guarding them does not cost too much of what is learned.

    Args:
        first: shape (n,), for each learned example the lowest place of a held-out answer that it repeats, or NEVER.
        sizes: shape (m,), held-out examples of each entity, by place.
        most: share of the learned examples that may be dropped for them.
        least: held-out examples that stay in any case.
    """
    repeated = np.sort(first[first < sizes.size])
    budget = int(most * first.size + 1e-9)
    if repeated.size <= budget:
        return int(sizes.size)
    enough = int(np.searchsorted(np.cumsum(sizes), least)) + 1
    # So many entities that the first example over the budget repeats none of them.
    return min(max(int(repeated[budget]), enough), int(sizes.size))


def _runs(answers: Sequence[str], words: int) -> tuple[Hashes, Rows]:
    """Return the hash of every run of words, text after text, and how many each text has: none if it is shorter."""
    counts = word_hashes(answers)[1]
    hashes, numbers = shingle_hashes(answers, words)
    # A shorter text is one shingle there; here it has no run.
    short = counts < words
    numbers[short] = 0
    return hashes[~np.repeat(short, np.where(short, 1, counts - words + 1))], numbers


@dataclass(frozen=True)
class Watch:
    """What examples that are learned from must not give away.

    Attributes:
        words: length of a shared run, in words, between a learned answer and a test answer; 0 is off.
        runs: file with the sorted hashes of the runs in test answers.
        places: file with the lowest place of a test answer that has the run, for each of them.
        sets: name of an evaluation set -> texts of its items.
        guard: which rules guard the sets, and their limits.
    """

    words: int
    runs: Path
    places: Path
    sets: GuardSets
    guard: GuardConfig


@dataclass(frozen=True)
class Seen:
    """What a worker found.

    Attributes:
        rows: shape (n,), the rows it looked at.
        first: shape (n,), lowest place of a test answer with which each shares a run, or NEVER.
        forbidden: name of a set -> row that it forbids -> rule.
    """

    rows: Rows
    first: Rows
    forbidden: dict[str, dict[int, str]]


def watch(settings: Watch, places: Places) -> Seen:
    """Look at some examples; runs in any process.

    Args:
        settings: what must not be given away.
        places: where the examples are.
    """
    examples = list(places.examples())
    rows = places.rows.tolist()
    hits = hits_of(dict(zip(rows, examples, strict=True)), settings.sets, settings.guard)
    return Seen(places.rows, _first_shared(examples, settings), hits)


def _first_shared(examples: Sequence[Example], settings: Watch) -> Rows:
    """Return for each example the lowest place of a test answer with which its answer shares a run, or NEVER."""
    first: Rows = np.full(len(examples), NEVER, np.int64)
    if not settings.words or not examples:
        return first
    known = np.load(settings.runs, mmap_mode="r", allow_pickle=False)
    of = np.load(settings.places, mmap_mode="r", allow_pickle=False)
    hashes, numbers = _runs([example.reply for example in examples], settings.words)
    places = np.searchsorted(known, hashes)
    inside = np.flatnonzero(places < known.size)
    shared = inside[known[places[inside]] == hashes[inside]]
    owners = np.repeat(np.arange(len(examples)), numbers)
    np.minimum.at(first, owners[shared], of[places[shared]])
    return first


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
        wanted = named(item)
        index.ids.update(
            name for name in wanted if (settings.vulnerability_ids if is_vulnerability(name) else settings.subject_ids)
        )
    index.questions.discard("")
    return index


def _rule(
    example: Example, index: GuardIndex, question: str, words: Sequence[str], named: frozenset[str]
) -> str | None:
    if question in index.questions:
        return "question"
    for start, pair in enumerate(pairwise(words)):
        for run in index.runs.get(pair, ()):
            if tuple(words[start : start + len(run)]) == run:
                return "words"
    return "identifier" if named & index.ids or example.entity in index.ids else None


@cache
def _indexes(sets: str, guard: str) -> list[GuardIndex]:
    rules = GuardConfig(**json.loads(guard))
    return [guard_index(name, items, rules) for name, items in sorted(json.loads(sets).items())]


def hits_of(examples: Mapping[int, Example], sets: GuardSets, guard: GuardConfig) -> dict[str, dict[int, str]]:
    """Return name of a set -> row of an example that it forbids -> rule.

    Args:
        examples: row -> example.
        sets: name of an evaluation set -> texts of its items.
        guard: which rules are used, and their limits.
    """
    # What is prepared of the sets is the same for all shards of a process.
    indexes = _indexes(canonical_json(sets), canonical_json(guard))
    hits: dict[str, dict[int, str]] = {index.name: {} for index in indexes}
    for row, example in examples.items():
        question = asked_text(example)
        text = example.text()
        words, identifiers = comparable(text).split(), named(text)
        for index in indexes:
            rule = _rule(example, index, question, words, identifiers)
            if rule:
                hits[index.name][row] = rule
    return hits


def guarded(
    hits: Mapping[str, Mapping[int, str]], sets: GuardSets, checked: int
) -> tuple[dict[int, Reason], list[dict[str, Any]]]:
    """Say which examples go for which set.

    Args:
        hits: name of a set -> row -> rule.
        sets: name of an evaluation set -> texts of its items.
        checked: number of examples that were looked at.

    Returns:
        Row of an example -> reason, and one row per set: ``set``, ``items``, ``checked``, ``hits`` (rule -> number) and
        ``dropped``. An example that several sets forbid is counted as dropped by the first.
    """
    found: dict[int, Reason] = {}
    table = []
    for name in sorted(sets):
        new = {row: rule for row, rule in hits[name].items() if row not in found}
        found.update({row: Reason(f"evaluation_sets.{rule}", name) for row, rule in new.items()})
        rules = Counter(f"guard.{rule}" for rule in hits[name].values())
        table.append(
            {"set": name, "items": len(sets[name]), "checked": checked, "hits": dict(sorted(rules.items())),
             "dropped": len(new)}
        )  # fmt: skip
    return found, table


def add_similar(
    examples: Iterable[tuple[int, Example]],
    sets: GuardSets,
    threshold: float,
    embed: Embed,
    hits: Mapping[str, dict[int, str]],
) -> None:
    """Add examples whose question is similar to an item: cosine at or above the threshold.

    Args:
        examples: row and example, one after the other.
        sets: name of an evaluation set -> texts of its items.
        threshold: least cosine.
        embed: texts -> array of shape (n, d), rows of length 1.
        hits: filled here; a rule that is there stays.
    """
    items = {name: np.asarray(embed(list(texts))).T for name, texts in sorted(sets.items()) if texts}
    stream = iter(examples)
    while batch := list(islice(stream, EMBEDDED)):
        learned = np.asarray(embed([asked_text(example) for _, example in batch]))
        for name, vectors in items.items():
            best = (learned @ vectors).max(axis=1)
            for (row, _), cosine in zip(batch, best, strict=True):
                if cosine >= threshold:
                    hits[name].setdefault(row, "meaning")
