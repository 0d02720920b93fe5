"""The reference: datasketch, one text after the other, every candidate pair verified on the words themselves."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence

from secft.config.schemas.dedup import DedupConfig
from secft.dataset.clean import comparable
from secft.dataset.dedup.bands import bands_and_rows
from secft.dataset.dedup.common import FEWEST, OWN_SHINGLES
from secft.dataset.dedup.compared import Text, jaccard, shingles
from secft.dataset.dedup.forest import Pair, clusters
from secft.dataset.dedup.leaders import KeptTexts
from secft.dataset.natural import natural
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


def reference_clusters(texts: Sequence[Text], settings: DedupConfig, executor: Executor | None = None) -> KeptTexts:
    """Return key -> key of the kept text, for every text: an earlier one by natural order that is like it, or itself.

    Args:
        texts: with unique keys, in any order.
        settings: threshold, permutations, shingle length and seed.
        executor: not used; it is one loop.
    """
    groups: dict[str, dict[str, frozenset[str]]] = defaultdict(dict)
    for text in texts:
        groups[text.group][text.key] = shingles(comparable(text.text), settings.shingle_words)
    seen = Counter(shingle for sets in groups.values() for shingle_set in sets.values() for shingle in shingle_set)
    most = max(FEWEST, settings.common_share * len(texts))
    common = {shingle for shingle, count in seen.items() if count > most and settings.common_share < 1}
    result = KeptTexts(())
    for sets in groups.values():
        found = _kept(sets, common, settings)
        result.update(found)
        result.clusters.update(found.clusters)
    return result


def _kept(sets: Mapping[str, frozenset[str]], common: set[str], settings: DedupConfig) -> KeptTexts:
    """Return key -> key of the kept text, within one group."""
    own = {key: _own(shingle_set, common) for key, shingle_set in sets.items()}
    alike = {
        pair for pair in candidate_pairs(sets, settings) if jaccard(own[pair[0]], own[pair[1]]) >= settings.threshold
    }
    members: dict[str, list[str]] = defaultdict(list)
    for key, first in clusters(sets, alike).items():
        members[first].append(key)
    result = KeptTexts(())
    for keys in members.values():
        leaders: list[str] = []
        for key in sorted(keys, key=natural):
            like = (leader for leader in leaders if jaccard(own[leader], own[key]) >= settings.threshold)
            result[key] = next(like, key)
            if result[key] == key:
                leaders.append(key)
        result.clusters.update((leader, leaders[0]) for leader in leaders[1:])
    return result


def _own(shingle_set: frozenset[str], common: set[str]) -> frozenset[str]:
    own = shingle_set - common
    return own if len(own) >= OWN_SHINGLES else shingle_set
