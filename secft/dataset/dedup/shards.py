"""Shards of texts on disk: what near-duplicates are searched in, made once and named by what it is made of."""

from __future__ import annotations

import hashlib
import os
import shutil
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from secft.config.schemas.dedup import DedupConfig
from secft.dataset.dedup.bands import bands_and_rows
from secft.dataset.dedup.common import Common, count_common, own_shingles
from secft.dataset.dedup.compared import Text
from secft.dataset.dedup.sketch import SCHEME, sketch
from secft.dataset.dedup.verify import Sets
from secft.dataset.dedup.words import Hashes, Rows, with_tail
from secft.errors import InputError
from secft.files import canonical_json, storage_errors

FORMAT = 2
"""Raised when the same texts and settings would give other files."""
_PARTS = ("shingles", "sizes", "groups", "digests", "bands")


def shard_name(texts: Sequence[Text], settings: DedupConfig) -> str:
    """Return the digest of everything that a shard is made of."""
    bands, rows = bands_and_rows(settings.threshold, settings.permutations)
    rules = [FORMAT, SCHEME, settings.permutations, bands, rows, settings.shingle_words, settings.seed]
    state = hashlib.blake2b(canonical_json(rules).encode(), digest_size=20)
    for text in texts:
        for part in (text.key, text.group, text.text):
            encoded = part.encode("utf-8", "surrogatepass")
            state.update(len(encoded).to_bytes(8, "little") + encoded)
    return state.hexdigest()


def write_shard(directory: Path, settings: DedupConfig, texts: Sequence[Text]) -> str:
    """Sketch one shard onto the disk unless it is there already; the work of a worker.

    Returns:
        The name of the shard.
    """
    import pyarrow as pa
    import pyarrow.parquet as pq

    name = shard_name(texts, settings)
    target = directory / "shards" / name
    if target.is_dir():
        return name
    made = sketch(texts, settings)
    with _complete(target) as unfinished:
        for part in _PARTS:
            np.save(unfinished / f"{part}.npy", getattr(made, part))
        pq.write_table(pa.table({"key": pa.array([text.key for text in texts])}), unfinished / "keys.parquet")
    return name


@contextmanager
def _complete(target: Path) -> Iterator[Path]:
    """Give a directory to be filled, and put it into its place when it is complete and on the disk."""
    with storage_errors(target):
        target.parent.mkdir(parents=True, exist_ok=True)
        unfinished = Path(tempfile.mkdtemp(prefix=f".{target.name}.", dir=target.parent))
        try:
            yield unfinished
            for path in unfinished.iterdir():
                flush(path)
            if not target.is_dir():
                unfinished.rename(target)
        finally:
            shutil.rmtree(unfinished, ignore_errors=True)


def flush(path: Path) -> None:
    """Push the content of a file to the disk."""
    with path.open("rb") as stream:
        os.fsync(stream.fileno())


@dataclass(frozen=True)
class Shards:
    """A sequence of shards as one store; what travels to workers is only where they are.

    Attributes:
        directory: work directory.
        names: names of the shards.
        starts: shape (shards + 1,), number of the first text of each shard, and of all texts.
        common: file with the marks of what is common, see secft.dataset.dedup.common; None compares everything.
    """

    directory: Path
    names: tuple[str, ...]
    starts: Rows
    common: Path | None = None

    @classmethod
    def open(cls, directory: Path, names: tuple[str, ...]) -> Shards:
        """Return the store of finished shards."""
        shards = cls(directory, names, np.zeros(1, np.int64))
        sizes = [shards.part(name, "sizes", mapped=True).size for name in names]
        return cls(directory, names, np.cumsum([0, *sizes], dtype=np.int64))

    def without_common(self, share: float, place: Path) -> Shards:
        """Return the store without what is common.

        Args:
            share: of the texts in which a run is common.
            place: directory for the marks.
        """
        runs = sum(self.part(name, "shingles", mapped=True).size for name in self.names)
        parts = (self.part(name, "shingles") for name in self.names)
        found = count_common(parts, runs, int(self.starts[-1]), share)
        if not found.any:
            return self
        target = place / "common.npy"
        with storage_errors(target):
            place.mkdir(parents=True, exist_ok=True)
            np.save(target, found.marks)
        return replace(self, common=target)

    def part(self, name: str, part: str, mapped: bool = False) -> Any:
        """Return one array of a shard, as a file mapped into memory or read."""
        path = self.directory / "shards" / name / f"{part}.npy"
        try:
            return np.load(path, mmap_mode="r" if mapped else None)
        except (OSError, ValueError) as error:
            raise InputError(f"{path}: cannot be read ({error}). Delete its directory to have it made again.") from None

    def all(self, part: str) -> Any:
        """Return one array of all shards, joined."""
        return np.concatenate([self.part(name, part) for name in self.names])

    def band(self, number: int) -> Hashes:
        """Return the keys of all texts in one band."""
        parts: list[Hashes] = [self.part(name, "bands", mapped=True)[number] for name in self.names]
        return np.concatenate(parts)

    def keys(self, rows: Rows) -> list[str]:
        """Return the keys of some texts, in the order of ``rows``."""
        import pyarrow as pa
        import pyarrow.parquet as pq

        if not rows.size:
            return []
        paths = (self.directory / "shards" / name / "keys.parquet" for name in self.names)
        keys = pa.concat_arrays([pq.read_table(path)["key"].combine_chunks().cast(pa.large_string()) for path in paths])
        found: list[str] = keys.take(pa.array(rows)).to_pylist()
        return found

    def sets(self, rows: Rows) -> tuple[Sets, Rows]:
        """See Store. Reads only the shards that hold some of the texts, each once."""
        ordered, places = np.unique(rows, return_inverse=True)
        edges = np.searchsorted(ordered, self.starts)
        pieces: list[Hashes] = []
        sizes, groups = np.empty(ordered.size, np.int64), np.empty(ordered.size, np.uint64)
        for shard in np.flatnonzero(np.diff(edges)).tolist():
            chosen = slice(edges[shard], edges[shard + 1])
            local = ordered[chosen] - self.starts[shard]
            name = self.names[shard]
            every = self.part(name, "sizes")
            sizes[chosen], groups[chosen] = every[local], self.part(name, "groups")[local]
            starts = (np.cumsum(every) - every)[local]
            pieces.append(self.part(name, "shingles", mapped=True)[_spans(starts, every[local])])
        flat = np.concatenate([*pieces, np.zeros(0, np.uint64)])
        if self.common is not None:
            flat, sizes = own_shingles(flat, sizes, Common(np.load(self.common, mmap_mode="r")))
        values = with_tail(flat, sizes)
        return Sets(values, np.cumsum(sizes) - sizes, sizes, groups), places


def _spans(starts: Rows, sizes: Rows) -> Rows:
    """Return all places of several spans, one after the other."""
    before = np.cumsum(sizes) - sizes
    places: Rows = np.arange(int(sizes.sum()), dtype=np.int64) + np.repeat(starts - before, sizes)
    return places
