"""The reference: datasketch, one text after the other, every candidate pair verified on the words themselves."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence

from secft.config.schemas.dedup import DedupConfig
from secft.dataset.clean import comparable
from secft.dataset.dedup.bands import bands_and_rows
from secft.dataset.dedup.compared import Text, jaccard, shingles
from secft.dataset.dedup.forest import Pair, clusters
from secft.executor import Executor

SCHEME = "affine32"


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


def reference_clusters(
    texts: Sequence[Text], settings: DedupConfig, executor: Executor | None = None
) -> dict[str, str]:
    """Return key -> key of the cluster's first text by natural order, for every text.

    Args:
        texts: with unique keys, in any order.
        settings: threshold, permutations, shingle length and seed.
        executor: not used; it is one loop.
    """
    groups: dict[str, dict[str, frozenset[str]]] = defaultdict(dict)
    for text in texts:
        groups[text.group][text.key] = shingles(comparable(text.text), settings.shingle_words)
    result: dict[str, str] = {}
    for sets in groups.values():
        result.update(clusters(sets, near_duplicate_pairs(sets, settings) if len(sets) > 1 else ()))
    return result
