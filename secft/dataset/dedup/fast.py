"""The fast engine: whole batches of texts in numpy, in memory; see search.py for what it finds."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial

import numpy as np

from secft.config.dedup import DedupConfig
from secft.dataset.dedup.compared import Text
from secft.dataset.dedup.search import Forgetful, connected
from secft.dataset.dedup.sketch import Sketch, sketch
from secft.dataset.dedup.verify import MemoryStore, Sets
from secft.dataset.dedup.words import Rows, with_tail
from secft.dataset.sources import natural
from secft.engine import Engine, InProcess

_SHARD = 2000


def sketch_shard(settings: DedupConfig, texts: Sequence[Text]) -> Sketch:
    """Sketch one shard; the work of a worker."""
    return sketch(texts, settings)


def fast_clusters(texts: Sequence[Text], settings: DedupConfig, engine: Engine | None = None) -> dict[str, str]:
    """Return key -> key of the cluster's first text by natural order, for every text.

    Args:
        texts: with unique keys, in any order: neither it nor the number of workers changes the result.
        settings: threshold, permutations, shingle length and seed.
        engine: on what shards are sketched; None is threads of this process.
    """
    shards = [texts[start : start + _SHARD] for start in range(0, len(texts), _SHARD)]
    if not shards:
        return {}
    whole = _joined(_sketches(shards, settings, engine))
    starts = np.cumsum(whole.sizes) - whole.sizes
    store = MemoryStore(Sets(with_tail(whole.shingles, whole.sizes), starts, whole.sizes, whole.groups))
    # Sets travel with every batch of pairs, so here pairs are verified in this process.
    components = connected(store, whole.digests, lambda band: whole.bands[band], settings, InProcess(), Forgetful())
    return dict(zip((text.key for text in texts), _first_keys([text.key for text in texts], components), strict=True))


def _sketches(shards: list[Sequence[Text]], settings: DedupConfig, engine: Engine | None) -> list[Sketch]:
    """Sketch all shards: by the engine, or in threads, because the compiled loops let other threads run."""
    work = partial(sketch_shard, settings)
    if engine is not None:
        return list(engine.map(work, shards))
    with ThreadPoolExecutor(os.cpu_count()) as threads:
        return list(threads.map(work, shards))


def _joined(sketches: list[Sketch]) -> Sketch:
    return Sketch(
        np.concatenate([part.shingles for part in sketches]),
        np.concatenate([part.sizes for part in sketches]),
        np.concatenate([part.groups for part in sketches]),
        np.concatenate([part.digests for part in sketches]),
        np.concatenate([part.bands for part in sketches], axis=1),
    )


def _first_keys(keys: Sequence[str], components: Rows) -> Iterator[str]:
    """Yield for each text the first key of its component in natural order."""
    counts = np.bincount(components)
    members: dict[int, list[str]] = {int(name): [] for name in np.flatnonzero(counts > 1)}
    for place in np.flatnonzero(counts[components] > 1).tolist():
        members[int(components[place])].append(keys[place])
    firsts = {name: min(group, key=natural) for name, group in members.items()}
    return (firsts.get(int(name), key) for name, key in zip(components, keys, strict=True))
