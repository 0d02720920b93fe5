"""Find duplicates: exact ones by digest, near ones by MinHash LSH with every candidate pair verified.

What is compared is the conversation without its system message. Two examples can only be duplicates of each other
if they are of the same task and, for choices, have the same right answer: questions that differ in one word and in
their answer are the most useful ones to learn from, not duplicates.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Protocol

import numpy as np

from secft.config.schemas.dedup import DedupConfig
from secft.dataset.dedup.bands import bands_and_rows
from secft.dataset.dedup.compared import Text, compared_group, compared_text, jaccard, shingles
from secft.dataset.dedup.disk import clusters_on_disk, read_clusters
from secft.dataset.dedup.fast import fast_clusters
from secft.dataset.dedup.forest import clusters
from secft.dataset.dedup.leaders import KeptTexts
from secft.dataset.dedup.reference import SCHEME, near_duplicate_pairs, reference_clusters
from secft.dataset.dedup.semantic import Embed, semantic_clusters
from secft.dataset.dedup.words import Hashes
from secft.errors import Problem
from secft.executor import Executor, Workplace
from secft.lookup import pick

__all__ = [
    "IMPLEMENTATIONS",
    "KeptTexts",
    "NearDuplicates",
    "Text",
    "bands_and_rows",
    "clusters",
    "compared_group",
    "compared_text",
    "dedup_problems",
    "exact_duplicates",
    "jaccard",
    "near_duplicate_pairs",
    "near_duplicates",
    "parameters",
    "semantic_duplicates",
    "shingles",
]


class NearDuplicates(Protocol):
    """Finds clusters of near-duplicates."""

    def __call__(self, texts: Sequence[Text], settings: DedupConfig, executor: Executor | None = None) -> KeptTexts:
        """Return what is kept for every text.

        Args:
            texts: with unique keys. Neither their order nor the number of workers changes the result.
            settings: threshold, permutations, shingle length and seed.
            executor: on what shards of work run; None is this process.
        """
        ...


IMPLEMENTATIONS: Mapping[str, NearDuplicates] = {"fast": fast_clusters, "datasketch": reference_clusters}


def exact_duplicates(digests: Hashes) -> dict[int, int]:
    """Return row -> row of the kept example, for every example whose compared text came before.

    Args:
        digests: shape (n, 2), 128 bits of each compared text and its group.
    """
    order = np.lexsort((np.arange(len(digests)), digests[:, 1], digests[:, 0]))
    same = np.zeros(order.size, bool)
    same[1:] = (digests[order[1:]] == digests[order[:-1]]).all(axis=1)
    heads = order[np.maximum.accumulate(np.where(same, 0, np.arange(order.size)))]
    return dict(zip(order[same].tolist(), heads[same].tolist(), strict=True))


IN_MEMORY = 100_000
"""With more examples, signatures and bands are kept on disk; the result is the same."""


def near_duplicates(
    texts: Iterable[Text], count: int, settings: DedupConfig, place: Workplace | None = None
) -> KeptTexts:
    """Return what is kept for every text of a cluster.

    Neither the order of the texts nor the number of workers changes the result.

    Args:
        texts: with unique keys.
        count: how many there are.
        settings: what a near-duplicate is.
        place: on what and where shards are made; None works here and in memory.
    """
    find = pick(IMPLEMENTATIONS, settings.implementation, "dedup.implementation")
    if place is not None and settings.implementation == "fast" and count > IN_MEMORY:
        return read_clusters(clusters_on_disk(texts, settings, place.directory, place.shard_size, place.executor))
    return find(list(texts), settings, place.executor if place else None)


def semantic_duplicates(texts: Iterable[Text], settings: DedupConfig, embed: Embed | None = None) -> dict[str, str]:
    """Return key -> key of the kept text, for every text that means the same as another one of its group.

    All vectors are in memory: 1.5 kB a text.

    Args:
        texts: with unique keys, in any order, best after near-duplicates are gone.
        settings: the least cosine.
        embed: texts -> vectors of length 1; None is the packaged model.

    Raises:
        MissingExtraError: the packaged model is not installed.
    """
    found = semantic_clusters(list(texts), settings, embed)
    return {key: first for key, first in found.items() if key != first}


def dedup_problems(settings: DedupConfig) -> list[Problem]:
    """Return what this machine lacks to find duplicates."""
    if settings.name != "semantic":
        return []
    from secft.models.embedding import INSTALL, missing_packages

    missing = missing_packages()
    reason = f"needs embeddings: {', '.join(missing)} not installed"
    return [Problem("dedup.name", reason, "semantic", remedy=f"Install with: {INSTALL}.")] if missing else []


_HASHES = {
    "fast": "SplitMix64 over the bytes of each word, runs combined by an odd multiplier, 64 bits; signatures 32 bits",
    "datasketch": "sha1, 32 bits",
}
_VERIFICATION = {
    "fast": "exact Jaccard on sets of 64-bit shingle hashes of every candidate pair that is not connected already",
    "datasketch": "exact Jaccard on the shingles themselves of every candidate pair",
}


def parameters(settings: DedupConfig) -> dict[str, Any]:
    """Return everything that decides what a duplicate is, for the manifest."""
    if settings.name not in ("minhash", "semantic"):
        return {"name": settings.name}
    bands, rows = bands_and_rows(settings.threshold, settings.permutations)
    return {
        "name": settings.name,
        "engine": settings.implementation,  # the key of the first manifests: it is part of the digest
        "text": "all messages but the system's, NFKC, case-folded, words only",
        "groups": "same task and, for choices, same right answer",
        "shingle": f"{settings.shingle_words} words",
        "threshold": settings.threshold,
        "common_share": settings.common_share,
        "scheme": SCHEME,
        "hash": _HASHES[settings.implementation],
        "seed": settings.seed,
        "permutations": settings.permutations,
        "bands": bands,
        "rows": rows,
        "miss_rate_at_threshold": round((1 - settings.threshold**rows) ** bands, 6),
        "verified": _VERIFICATION[settings.implementation],
        "kept": "first of each cluster by natural order of ids, and each that is like none of those",
        **(_meaning(settings) if settings.name == "semantic" else {}),
    }


def _meaning(settings: DedupConfig) -> dict[str, Any]:
    from secft.models.embedding import embedding_parameters

    return {"cosine": settings.cosine, "embedding": embedding_parameters()}
