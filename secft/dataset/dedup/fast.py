"""The fast implementation: whole batches of texts in numpy, in memory; see search.py for what it finds."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial

import numpy as np

from secft.config.schemas.dedup import DedupConfig
from secft.dataset.dedup.compared import Text
from secft.dataset.dedup.search import Forgetful, connected
from secft.dataset.dedup.sketch import Sketch, sketch
from secft.dataset.dedup.verify import MemoryStore, sets_in_memory
from secft.dataset.dedup.words import Rows
from secft.dataset.natural import natural
from secft.executor import Executor, InProcess

_SHARD = 2000
"""Texts; what a shard needs stays in the cache of a core."""


def sketch_shard(settings: DedupConfig, texts: Sequence[Text]) -> Sketch:
    """Sketch one shard; the work of a worker."""
    return sketch(texts, settings)


def fast_clusters(texts: Sequence[Text], settings: DedupConfig, executor: Executor | None = None) -> dict[str, str]:
    """Return key -> key of the cluster's first text by natural order, for every text.

    Args:
        texts: with unique keys, in any order: neither it nor the number of workers changes the result.
        settings: threshold, permutations, shingle length and seed.
        executor: on what shards are sketched; None is this process.
    """
    if not texts:
        return {}
    shards = (texts[start : start + _SHARD] for start in range(0, len(texts), _SHARD))
    # Threads were no faster when measured: a good third of this work holds the lock of the interpreter.
    whole = _joined(list((executor or InProcess()).map(partial(sketch_shard, settings), shards)))
    store = MemoryStore(sets_in_memory(whole.shingles, whole.sizes, whole.groups))
    # Sets travel with every batch of pairs, so here pairs are verified in this process.
    components = connected(store, whole.digests, lambda band: whole.bands[band], settings, InProcess(), Forgetful())
    return _first_keys([text.key for text in texts], components)


def _joined(sketches: list[Sketch]) -> Sketch:
    return Sketch(
        np.concatenate([part.shingles for part in sketches]),
        np.concatenate([part.sizes for part in sketches]),
        np.concatenate([part.groups for part in sketches]),
        np.concatenate([part.digests for part in sketches]),
        np.concatenate([part.bands for part in sketches], axis=1),
    )


def _first_keys(keys: Sequence[str], components: Rows) -> dict[str, str]:
    """Return for each key the first one of its component in natural order."""
    shared = np.bincount(components)[components] > 1
    members: dict[int, list[str]] = {}
    for place, name in zip(np.flatnonzero(shared).tolist(), components[shared].tolist(), strict=True):
        members.setdefault(name, []).append(keys[place])
    result = dict(zip(keys, keys, strict=True))
    for group in members.values():
        result.update(dict.fromkeys(group, min(group, key=natural)))
    return result
