"""Find duplicates: exact ones by digest, near ones by MinHash LSH with every candidate pair verified.

What is compared is the conversation without its system message. Two examples can only be duplicates of each other
if they are of the same task and, for choices, have the same right answer: questions that differ in one word and in
their answer are the most useful ones to learn from, not duplicates.
"""

from __future__ import annotations

import hashlib
import re
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from secft.config.dedup import DedupConfig
from secft.dataset.clean import comparable
from secft.dataset.sources import natural
from secft.records import Example

SCHEME = "affine32"
MISS_RATE = 0.01

Pair = tuple[str, str]


def compared_text(example: Example) -> str:
    """Return what of an example is compared: all questions and answers, in the form for comparison."""
    return comparable(" ".join(message["content"] for message in example.messages if message["role"] != "system"))


def compared_group(example: Example) -> str:
    """Return the name of the group within which an example can have duplicates: its task and right answer."""
    if not example.choices:
        return example.task
    # Lettered options in another order are the same answer.
    return f"{example.task}\x1f{re.sub('^[A-Z][.] ', '', example.choices[example.answer])}"


def shingles(text: str, words: int) -> frozenset[str]:
    """Return all runs of ``words`` words of a text; a shorter text is one shingle."""
    parts = text.split()
    return frozenset(" ".join(parts[start : start + words]) for start in range(max(1, len(parts) - words + 1)))


def jaccard(left: frozenset[str], right: frozenset[str]) -> float:
    """Return |A & B| / |A | B|, in [0, 1]."""
    shared = len(left & right)
    union = len(left) + len(right) - shared
    return shared / union if union else 1.0


def bands_and_rows(threshold: float, permutations: int, miss_rate: float = MISS_RATE) -> tuple[int, int]:
    """Choose LSH bands so that a pair at the threshold is missed with a probability of at most ``miss_rate``.

    Returns:
        Bands and rows with the most rows (fewest candidates to verify) that fulfil it; rows is at least 1.

    Source: Leskovec, Rajaraman and Ullman, Mining of Massive Datasets, 3.4: P(miss) = (1 - s**rows)**bands.
    """
    fitting = [
        rows for rows in range(1, permutations + 1) if (1 - threshold**rows) ** (permutations // rows) <= miss_rate
    ]
    rows = max(fitting, default=1)
    return permutations // rows, rows


def candidate_pairs(sets: Mapping[str, frozenset[str]], settings: DedupConfig) -> set[Pair]:
    """Return pairs of keys whose MinHash signatures agree in at least one band.

    Args:
        sets: key -> shingles.
        settings: permutations, seed and threshold.
    """
    # Imported here because datasketch brings scipy along, which costs half a second.
    from datasketch import MinHash, MinHashLSH

    bands, rows = bands_and_rows(settings.threshold, settings.permutations)
    index = MinHashLSH(num_perm=settings.permutations, params=(bands, rows))
    signatures = MinHash.generator(
        ([shingle.encode() for shingle in sorted(shingle_set)] for shingle_set in sets.values()),
        num_perm=settings.permutations,
        seed=settings.seed,
        scheme=SCHEME,
    )
    pairs: set[Pair] = set()
    for key, signature in zip(sets, signatures, strict=True):
        pairs.update((min(key, other), max(key, other)) for other in index.query(signature))
        index.insert(key, signature)
    return pairs


def near_duplicate_pairs(sets: Mapping[str, frozenset[str]], settings: DedupConfig) -> set[Pair]:
    """Return candidate pairs whose exact Jaccard similarity reaches the threshold."""
    pairs = candidate_pairs(sets, settings)
    return {pair for pair in pairs if jaccard(sets[pair[0]], sets[pair[1]]) >= settings.threshold}


def clusters(keys: Iterable[str], pairs: Iterable[Pair]) -> dict[str, str]:
    """Join pairs into clusters.

    Returns:
        Key -> the key of its cluster that comes first in natural order; a key without a pair maps to itself.
    """
    parent = {key: key for key in keys}

    def root(key: str) -> str:
        while parent[key] != key:
            parent[key] = parent[parent[key]]
            key = parent[key]
        return key

    for left, right in pairs:
        first, second = sorted((root(left), root(right)), key=natural)
        parent[second] = first
    return {key: root(key) for key in parent}


def exact_duplicates(examples: Sequence[Example]) -> dict[str, str]:
    """Return id -> id of the kept example, for every example whose compared text came before (BLAKE2b)."""
    groups: dict[bytes, list[str]] = defaultdict(list)
    for example in examples:
        text = f"{compared_group(example)}\x1f{compared_text(example)}"
        groups[hashlib.blake2b(text.encode(), digest_size=16).digest()].append(example.id)
    ordered = [sorted(ids, key=natural) for ids in groups.values()]
    return {duplicate: ids[0] for ids in ordered for duplicate in ids[1:]}


def near_duplicates(examples: Sequence[Example], settings: DedupConfig) -> dict[str, str]:
    """Return id -> id of the kept example, for every example of a cluster but the first by natural order.

    The result does not depend on the order of the examples.
    """
    groups: dict[str, dict[str, frozenset[str]]] = defaultdict(dict)
    for example in examples:
        groups[compared_group(example)][example.id] = shingles(compared_text(example), settings.shingle_words)
    result: dict[str, str] = {}
    for sets in groups.values():
        kept = clusters(sets, near_duplicate_pairs(sets, settings)) if len(sets) > 1 else {}
        result.update({key: first for key, first in kept.items() if key != first})
    return result


def parameters(settings: DedupConfig) -> dict[str, Any]:
    """Return everything that decides what a duplicate is, for the manifest."""
    if settings.name != "minhash":
        return {"name": settings.name}
    bands, rows = bands_and_rows(settings.threshold, settings.permutations)
    return {
        "name": settings.name,
        "text": "all messages but the system's, NFKC, case-folded, words only",
        "groups": "same task and, for choices, same right answer",
        "shingle": f"{settings.shingle_words} words",
        "threshold": settings.threshold,
        "scheme": SCHEME,
        "hash": "sha1, 32 bits",
        "seed": settings.seed,
        "permutations": settings.permutations,
        "bands": bands,
        "rows": rows,
        "miss_rate_at_threshold": round((1 - settings.threshold**rows) ** bands, 6),
        "verified": "exact Jaccard of every candidate pair",
        "kept": "first of each cluster by natural order of ids",
    }
