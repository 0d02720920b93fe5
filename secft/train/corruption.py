"""Worse answers where a dataset holds none: another choice, another entity's answer, swapped facts.

What is made here is wrong, not harmful: it stands on the losing side of a pair. An answer that might be just as right
is never used: not the text of another right answer to the same question, not an answer about the same entity, not one
that the same question has in another row.
"""

from __future__ import annotations

import hashlib
import heapq
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from secft.security.identifiers import IN_ANSWERS

RIVALS_PER_TASK = 2_000
"""Answers of a task that are kept to be swapped with; memory does not grow with the dataset."""

NUMBER = re.compile(r"(?<![\w.-])\d+(?:\.\d+)?(?![\w-])")
CONTRAST = {"refuse": "assist"}
"""Task -> the task whose answers are worse for it: what is worse than a refusal is to go along, not another refusal."""
NEGATIONS = (
    (re.compile(r"\b(can|could|should|must|may|might|will|would|is|are|does|do) not\b"), r"\1"),
    (re.compile(r"\b(cannot|can't)\b"), "can"),
    (re.compile(r"\b(can|could|should|must|may|might|will|would|is|are)\b"), r"\1 not"),
)
"""Tried in order: a negation is taken out, else one is put in."""


def draw(seed: int, *parts: object) -> int:
    """Return a number from 0 to 2**64 - 1 that depends on nothing but its arguments."""
    text = ":".join(map(str, (seed, *parts)))
    return int.from_bytes(hashlib.sha256(text.encode("utf-8", "surrogatepass")).digest()[:8])


def same(text: str) -> str:
    """Return what two texts share that say the same: no case, no punctuation, single spaces."""
    return " ".join(re.findall(r"\w+", text.casefold()))


def answer_of(row: Mapping[str, Any]) -> str:
    """Return what the assistant says last."""
    return str(row["messages"][-1]["content"])


@dataclass(frozen=True, order=True)
class Rival:
    """An answer of the same task about something else."""

    rank: int
    id: str
    entity: str
    family: str
    answer: str


@dataclass
class Rivals:
    """Answers that can stand in for others, by task, and what is known to be right.

    Attributes:
        pools: task -> rivals in the order of their rank, which is drawn by seed and id.
        right: hashes of (task, entity, answer) and of (question, answer) of every row.
    """

    pools: dict[str, list[Rival]] = field(default_factory=dict)
    right: set[int] = field(default_factory=set)

    @classmethod
    def of(cls, rows: Iterable[Mapping[str, Any]], seed: int) -> Rivals:
        """Read all rows of a split once; which rivals are kept does not depend on their order."""
        heaps: dict[str, list[tuple[int, str, Rival]]] = {}
        rivals = cls()
        for row in rows:
            answer = answer_of(row)
            rivals.right.update(_right_keys(row, answer))
            rank = draw(seed, "rival", row["id"])
            heap = heaps.setdefault(str(row.get("task", "")), [])
            entry = Rival(rank, row["id"], str(row.get("entity", "")), str(row.get("family", "")), answer)
            # The heap's smallest is the rival with the highest rank: the first to go.
            item = (-rank, row["id"], entry)
            if len(heap) < RIVALS_PER_TASK:
                heapq.heappush(heap, item)
            else:
                heapq.heappushpop(heap, item)
        rivals.pools = {task: sorted(item[2] for item in heap) for task, heap in heaps.items()}
        return rivals

    def is_right(self, row: Mapping[str, Any], answer: str) -> bool:
        """Tell whether an answer says what some row gives as right for this question or entity."""
        return any(key in self.right for key in _right_keys(row, answer))


def _right_keys(row: Mapping[str, Any], answer: str) -> tuple[int, int]:
    said = same(answer)
    about = draw(0, "entity", row.get("task", ""), row.get("entity", ""), said)
    return about, draw(
        0, "question", same(str(row["messages"][-2]["content"])) if len(row["messages"]) > 1 else "", said
    )


def worse_answers(row: Mapping[str, Any], rivals: Rivals, seed: int) -> Iterator[str]:
    """Yield different worse answers, the best kind first: other choices, other entities' answers, swapped facts.

    Args:
        row: a row of a frozen dataset.
        rivals: of the same split.
        seed: of the choice among equals.
    """
    right = same(answer_of(row))
    used = {right}
    for candidate in _candidates(row, rivals, seed):
        said = same(candidate)
        # Facts that were swapped are used apart by signs too: "-1" and "1" are the same words.
        if said and said not in used and not rivals.is_right(row, candidate):
            used.add(said)
            yield candidate


def _candidates(row: Mapping[str, Any], rivals: Rivals, seed: int) -> Iterator[str]:
    yield from other_choices(row, seed)
    if not row.get("choices"):
        yield from other_entities(row, rivals, seed)
    task = str(row.get("task", ""))
    swapped = swap_facts(answer_of(row), rivals, task, draw(seed, "facts", row["id"]))
    if swapped is not None and task not in CONTRAST:
        yield swapped


def other_choices(row: Mapping[str, Any], seed: int) -> Iterator[str]:
    """Yield the wrong choices of a question in an order drawn by seed, in the words the right one is given in."""
    choices, right = list(row.get("choices") or ()), row.get("answer", -1)
    if not choices or not 0 <= right < len(choices):
        return
    answer = answer_of(row)
    wrong = [choice for index, choice in enumerate(choices) if index != right]
    for choice in sorted(wrong, key=lambda choice: draw(seed, "choice", row["id"], choice)):
        yield answer.replace(choices[right], choice, 1) if choices[right] in answer else choice


def other_entities(row: Mapping[str, Any], rivals: Rivals, seed: int) -> Iterator[str]:
    """Yield answers to the same task about other entities, those of other families first."""
    task = str(row.get("task", ""))
    pool = rivals.pools.get(CONTRAST.get(task, task), [])
    if not pool:
        return
    start = draw(seed, "other", row["id"]) % len(pool)
    turned = pool[start:] + pool[:start]
    others = [rival for rival in turned if rival.id != row["id"] and rival.entity != row.get("entity")]
    yield from (rival.answer for rival in others if rival.family != row.get("family"))
    yield from (rival.answer for rival in others if rival.family == row.get("family"))


def swap_facts(answer: str, rivals: Rivals, task: str, number: int) -> str | None:
    """Return an answer with its identifiers, its numbers, or one statement turned wrong; None if it has none."""
    swapped = _swap_identifiers(answer, rivals, task, number)
    if swapped == answer:
        swapped = NUMBER.sub(lambda found: _other_number(found.group(), number), answer)
    if swapped == answer:
        for pattern, replacement in NEGATIONS:
            swapped = pattern.sub(replacement, answer, count=1)
            if swapped != answer:
                break
    return swapped if swapped != answer else None


def _swap_identifiers(answer: str, rivals: Rivals, task: str, number: int) -> str:
    """Replace every identifier by one of the same kind from other answers, or by the next number of its kind."""
    own = set(IN_ANSWERS.findall(answer))
    if not own:
        return answer
    known: dict[str, list[str]] = {}
    for rival in rivals.pools.get(task, [])[:200]:
        for identifier in IN_ANSWERS.findall(rival.answer):
            if identifier not in own:
                known.setdefault(_kind(identifier), []).append(identifier)

    def other(found: re.Match[str]) -> str:
        options = sorted(set(known.get(_kind(found.group()), [])))
        return options[number % len(options)] if options else _next(found.group(), number, own)

    return IN_ANSWERS.sub(other, answer)


def _kind(identifier: str) -> str:
    """Return the letters of an identifier, and whether it has a part after a dot."""
    return re.sub(r"\d+", "0", identifier)


def _next(identifier: str, number: int, taken: set[str]) -> str:
    """Return an identifier of the same form with another first number that is not taken."""
    first = re.search(r"\d+", identifier)
    if first is None:
        return identifier
    width = len(first.group())
    for step in range(1, 98):
        moved = (int(first.group()) + (step + number) % 97 + 1) % 10**width
        other = f"{identifier[: first.start()]}{moved:0{width}d}{identifier[first.end() :]}"
        if other not in taken:
            return other
    return identifier


def _other_number(text: str, number: int) -> str:
    whole, dot, rest = text.partition(".")
    return f"{int(whole) + 1 + number % 7}{dot}{rest}"
