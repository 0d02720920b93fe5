"""What curation must know of an example to compare it with all others: numbers, so that millions fit into memory.

A worker writes them beside the example (``facts_of``); they become columns of about 150 bytes an example
(secft.dataset.curation.table). Texts are compared by hashes: 64 bits where examples are only dropped if more than the
hash speaks against them, 128 bits where equal hashes alone make a duplicate.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import Any

import numpy as np

from secft.dataset.clean import comparable
from secft.dataset.curation.label_noise import label, near_key, question_key
from secft.dataset.dedup.compared import compared_group, compared_text
from secft.dataset.split import RULES, balance_key, rank
from secft.records import Example

COLUMNS = np.dtype(
    [
        ("shard", "i4"),
        ("offset", "i8"),
        ("tokens", "i4"),
        ("fault", "u1"),
        ("choices", "?"),
        ("taught", "?"),
        ("contradicts", "?"),
        ("task", "i4"),
        ("group", "i4"),
        ("label", "i4"),
        ("license", "i4"),
        ("question_key", "u8"),
        ("near_key", "u8"),
        ("label_key", "u8"),
        ("text", "u8", (2,)),
        ("asked", "u8"),
        ("subject", "u8"),
        ("entity_rank", "f8"),
        ("rank", "f8"),
    ]
)
"""Columns of a table of examples.

Attributes:
    shard, offset: where the example is.
    tokens: of the whole conversation, in the model's chat template.
    fault: 0, or why its length is wrong: an index into LENGTH_FAULTS, counted from 1.
    choices: it is a choice.
    taught: a model wrote it.
    contradicts: its label contradicts its document.
    task, group, label, license: numbers of names: task; source, task and class; what a cap balances; licence.
    question_key, near_key, label_key: hashes of what two examples share that ask the same, that ask nearly the same,
        and of the label; 0 is none.
    text: hash of the compared text and its group.
    asked: hash of all that is asked.
    subject: hash of task and entity.
    entity_rank: rank of what must stay together in one split.
    rank: rank of the example itself.
"""

ANSWER_TOO_SHORT, TOO_LONG = 1, 2


def hash64(text: str) -> int:
    """Return 64 bits of BLAKE2b of a text, never 0."""
    return int.from_bytes(hashlib.blake2b(text.encode("utf-8", "surrogatepass"), digest_size=8).digest()) or 1


def hash128(text: str) -> tuple[int, int]:
    """Return 128 bits of BLAKE2b of a text."""
    raw = hashlib.blake2b(text.encode("utf-8", "surrogatepass"), digest_size=16).digest()
    return int.from_bytes(raw[:8]), int.from_bytes(raw[8:])


def asked_text(example: Example) -> str:
    """Return all that the user asks, in the form for comparison."""
    return comparable(example.text(["user"], " "))


@dataclass(frozen=True)
class FactRules:
    """On what facts depend besides the example.

    Attributes:
        seed: seed of the ranks.
        by: what stays together in a split: ``entity`` or ``family``.
        capped: tasks whose examples are counted against a cap.
    """

    seed: int
    by: str
    capped: frozenset[str]


def label_keys(example: Example) -> tuple[int, int, int]:
    """Return the hashes of question, near question and label; zeros where an example has no label."""
    name = label(example)
    if not name:
        return 0, 0, 0
    key = question_key(example)
    return hash64(key), hash64(near_key(key)) if example.choices else 0, hash64(name)


def facts_of(example: Example, tokens: int, fault: int, contradicts: bool, rules: FactRules) -> dict[str, Any]:
    """Return the facts of one example as plain values: numbers, and names that a table numbers."""
    question, near, name = label_keys(example)
    return {
        "tokens": tokens,
        "fault": fault,
        "choices": bool(example.choices),
        "taught": bool(example.provenance.teacher),
        "contradicts": contradicts,
        "task": example.task,
        "source": example.provenance.source,
        "class": balance_key(example) if example.choices else "",
        "label": balance_key(example) if example.task in rules.capped else "",
        "license": example.provenance.license,
        "question_key": question,
        "near_key": near,
        "label_key": name,
        "text": hash128(f"{compared_group(example)}\x1f{compared_text(example)}"),
        "asked": hash64(asked_text(example)),
        "subject": hash64(f"{example.task}\x1f{example.entity}"),
        "entity_rank": rank(rules.seed, RULES[rules.by](example)),
        "rank": rank(rules.seed, example.id),
    }
