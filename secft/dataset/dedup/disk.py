"""The fast implementation for more texts than memory holds: shards on disk, made once, and a search that resumes.

Memory holds about a hundred bytes per text (digests, keys of one band, the forest); shingles stay on disk and are read
shard by shard where pairs are verified. In the work directory:

- ``shards/<digest>/``: sketch and keys of one shard; the name is the digest of the settings and of the texts, so what
  is there is right. It is renamed into place when it is complete.
- ``search-<digest>/``: for one sequence of shards, the state after the last band and, at the end, ``clusters.parquet``.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from itertools import islice
from pathlib import Path

import numpy as np

from secft.config.schemas.dedup import DedupConfig
from secft.dataset.dedup.compared import Text
from secft.dataset.dedup.leaders import KeptTexts, firsts, leaders
from secft.dataset.dedup.search import connected
from secft.dataset.dedup.shards import FORMAT, Shards, flush, write_shard
from secft.dataset.dedup.words import Rows
from secft.dataset.natural import natural
from secft.errors import InputError
from secft.executor import Executor, InProcess
from secft.files import canonical_json, storage_errors

CLUSTERS = "clusters.parquet"


@dataclass(frozen=True)
class _SavedSearch:
    """The state of a search in its directory: one file, replaced after every band."""

    directory: Path

    def load(self) -> tuple[int, Rows] | None:
        states = sorted(self.directory.glob("after-*.npy"))
        return (int(states[-1].stem.removeprefix("after-")), np.load(states[-1])) if states else None

    def save(self, bands_done: int, parents: Rows) -> None:
        target = self.directory / f"after-{bands_done:04d}.npy"
        with storage_errors(target):
            self.directory.mkdir(parents=True, exist_ok=True)
            unfinished = self.directory / f".{target.name}"
            with unfinished.open("wb") as stream:
                np.save(stream, parents)
                stream.flush()
                os.fsync(stream.fileno())
            unfinished.rename(target)
            for older in sorted(self.directory.glob("after-*.npy"))[:-1]:
                older.unlink()


def clusters_on_disk(
    texts: Iterable[Text], settings: DedupConfig, directory: Path, shard_size: int, executor: Executor | None = None
) -> Path:
    """Find the clusters of near-duplicates among any number of texts.

    Started again after it was killed, it goes on with the first shard or band that is not there.

    Args:
        texts: with unique keys; read once, in shards.
        settings: threshold, permutations, shingle length and seed.
        directory: where shards and state are kept; it may hold those of other texts and settings.
        shard_size: texts in a shard; `ExecutorConfig.shard_size`.
        executor: on what shards are sketched and pairs are verified.

    Returns:
        A Parquet file with the columns ``key``, ``first`` (what is kept for it) and ``cluster`` (the first of its
        cluster), one row for every text of a cluster for which that is not itself, sorted by key. Neither the order of
        the texts nor the size of shards nor the number of workers changes it.

    Raises:
        InputError: a shard comes twice, or a file of the work directory is broken.
        StorageError: the disk is full or cannot be written.
    """
    executor = executor or InProcess()
    names = tuple(executor.map(partial(write_shard, directory, settings), _shards(texts, shard_size)))
    if len(set(names)) < len(names):
        raise InputError(f"{directory}: the same {shard_size} texts with the same keys come twice.")
    search = directory / f"search-{_search_name(names, settings)}"
    target = search / CLUSTERS
    if not target.is_file():
        store = Shards.open(directory, names)
        if names:
            store = store.without_common(settings.common_share, search)
            digests = store.all("digests")
            components = connected(store, digests, store.band, settings, executor, _SavedSearch(search))
        else:
            components = np.zeros(0, np.int64)
        _write_kept(store, components, settings.threshold, executor, target)
    return target


def read_clusters(path: Path) -> KeptTexts:
    """Return what clusters_on_disk wrote: of the texts of clusters, what is kept for them."""
    import pyarrow.parquet as pq

    rows = pq.read_table(path).to_pylist()
    kept = ((row["key"], row["first"]) for row in rows)
    apart = ((row["key"], row["cluster"]) for row in rows if row["key"] == row["first"])
    return KeptTexts(kept, apart)


def _shards(texts: Iterable[Text], size: int) -> Iterator[list[Text]]:
    stream = iter(texts)
    while shard := list(islice(stream, size)):
        yield shard


def _search_name(names: Sequence[str], settings: DedupConfig) -> str:
    rules = canonical_json([FORMAT, settings.threshold, settings.permutations, settings.common_share, *names])
    return hashlib.blake2b(rules.encode(), digest_size=20).hexdigest()


def _write_kept(store: Shards, components: Rows, threshold: float, executor: Executor, target: Path) -> None:
    import pyarrow as pa
    import pyarrow.parquet as pq

    rows = np.flatnonzero(np.bincount(components)[components] > 1) if components.size else components
    keys = store.keys(rows)
    order = np.asarray(sorted(range(len(keys)), key=lambda place: natural(keys[place])), np.int64)
    own = components[rows[order]]
    kept = leaders(store, rows[order], own, threshold, executor) if order.size else order
    first = firsts(own)
    told = np.flatnonzero((kept != np.arange(kept.size)) | (first != kept))
    lost = [(keys[order[place]], keys[order[kept[place]]], keys[order[first[place]]]) for place in told.tolist()]
    lost.sort()
    columns = zip(*lost, strict=True) if lost else ([], [], [])
    table = pa.table(
        {name: pa.array(values, pa.string()) for name, values in zip(("key", "first", "cluster"), columns, strict=True)}
    )
    with storage_errors(target):
        target.parent.mkdir(parents=True, exist_ok=True)
        unfinished = target.with_name(f".{target.name}")
        pq.write_table(table, unfinished)
        flush(unfinished)
        unfinished.rename(target)
