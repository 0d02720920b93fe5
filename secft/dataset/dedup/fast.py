"""The fast implementation: whole batches of texts in numpy, in memory; see search.py for what it finds."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import partial

import numpy as np

from secft.config.schemas.dedup import DedupConfig
from secft.dataset.dedup.common import count_common, own_shingles
from secft.dataset.dedup.compared import Text
from secft.dataset.dedup.leaders import KeptTexts, firsts, leaders
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


def fast_clusters(texts: Sequence[Text], settings: DedupConfig, executor: Executor | None = None) -> KeptTexts:
    """Return key -> key of the kept text, for every text: an earlier one by natural order that is like it, or itself.

    Args:
        texts: with unique keys, in any order: neither it nor the number of workers changes the result.
        settings: threshold, permutations, shingle length and seed.
        executor: on what shards are sketched; None is this process.
    """
    if not texts:
        return KeptTexts(())
    shards = (texts[start : start + _SHARD] for start in range(0, len(texts), _SHARD))
    # Threads were no faster when measured: a good third of this work holds the lock of the interpreter.
    whole = _joined(list((executor or InProcess()).map(partial(sketch_shard, settings), shards)))
    common = count_common([whole.shingles], whole.shingles.size, len(texts), settings.common_share)
    store = MemoryStore(sets_in_memory(*own_shingles(whole.shingles, whole.sizes, common), whole.groups))
    # Sets travel with every batch of pairs, so here pairs are verified in this process.
    components = connected(store, whole.digests, lambda band: whole.bands[band], settings, InProcess(), Forgetful())
    return _kept_keys([text.key for text in texts], store, components, settings.threshold)


def _joined(sketches: list[Sketch]) -> Sketch:
    return Sketch(
        np.concatenate([part.shingles for part in sketches]),
        np.concatenate([part.sizes for part in sketches]),
        np.concatenate([part.groups for part in sketches]),
        np.concatenate([part.digests for part in sketches]),
        np.concatenate([part.bands for part in sketches], axis=1),
    )


def _kept_keys(keys: Sequence[str], store: MemoryStore, components: Rows, threshold: float) -> KeptTexts:
    rows = np.flatnonzero(np.bincount(components)[components] > 1)
    rows = np.asarray(sorted(rows.tolist(), key=lambda row: natural(keys[row])), np.int64)
    kept = leaders(store, rows, components[rows], threshold, InProcess())
    apart = np.flatnonzero((kept == np.arange(rows.size)) & (firsts(components[rows]) != kept))
    found = KeptTexts(zip(keys, keys, strict=True), _named(keys, rows[apart], rows[firsts(components[rows])[apart]]))
    found.update(_named(keys, rows, rows[kept]))
    return found


def _named(keys: Sequence[str], left: Rows, right: Rows) -> Iterator[tuple[str, str]]:
    return ((keys[one], keys[other]) for one, other in zip(left.tolist(), right.tolist(), strict=True))
