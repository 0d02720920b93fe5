"""From a batch of texts to what near-duplicates are searched in: shingle sets, MinHash signatures, band keys."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache

import numpy as np
from numpy.typing import NDArray

from secft.config.schemas.dedup import DedupConfig
from secft.dataset.dedup.bands import bands_and_rows
from secft.dataset.dedup.compared import Text
from secft.dataset.dedup.native import library, sketch_texts
from secft.dataset.dedup.words import (
    Hashes,
    Rows,
    blocks,
    compiled_word_bytes,
    mixed,
    padded,
    shingle_hashes,
    text_hash,
    with_tail,
)

SCHEME = "affine32"
_BLOCK, _TOGETHER = 32_768, 4
"""Elements and permutations worked on at once: few calls, and all that they touch stays in the cache of a core."""
_SALTS = (np.uint64(0xA0761D6478BD642F), np.uint64(0xE7037ED1A0B428DB))
_BAND_MULTIPLIER = np.uint64(0xFF51AFD7ED558CCD)


@dataclass(frozen=True)
class Sketch:
    """What is known of n texts.

    Attributes:
        shingles: hashes of the shingles of all texts, text after text, within a text sorted and without repetition.
        sizes: shape (n,), shingles of each text, at least 1.
        groups: shape (n,), hash of each text's group.
        digests: shape (n, 2), 128 bits of each text's group and set of shingles.
        bands: shape (bands, n), one key for each band of each text's signature, its group mixed in.
    """

    shingles: Hashes
    sizes: Rows
    groups: Hashes
    digests: Hashes
    bands: Hashes


@cache
def _coefficients(permutations: int, seed: int) -> NDArray[np.uint32]:
    """Return odd factors and summands, shape (2, permutations, 1, 1)."""
    raw = b"".join(hashlib.blake2b(f"{seed}:{place}".encode(), digest_size=8).digest() for place in range(permutations))
    values = np.ascontiguousarray(np.frombuffer(raw, dtype="<u4").reshape(permutations, 2).T.astype(np.uint32))
    values[0] |= 1
    return values[..., None, None]


def _signatures(matrix: Hashes, factors: NDArray[np.uint32], out: NDArray[np.uint32]) -> None:
    """Write the least of ``factor * x + summand`` modulo 2**32 over each row, for every permutation.

    Args:
        matrix: shape (rows, width), shingle hashes; repetitions do no harm.
        factors: factors and summands, shape (2, permutations, 1, 1).
        out: shape (permutations, rows).

    Source: Broder, On the resemblance and containment of documents, 1997; the affine scheme of datasketch 2.
    """
    # Shingle hashes are mixed already, so any 32 of their bits are as good as others.
    short = np.ascontiguousarray((matrix >> np.uint64(32)).astype(np.uint32).T)
    for start in range(0, factors.shape[1], _TOGETHER):
        some = factors[:, start : start + _TOGETHER]
        space = short * some[0]
        space += some[1]
        np.minimum.reduce(space, axis=1, out=out[start : start + _TOGETHER])


def _band_keys(signatures: NDArray[np.uint32], groups: Hashes, bands: int, rows: int) -> Hashes:
    """Return one key per band and text, shape (bands, n)."""
    values = signatures.reshape(bands, rows, -1)
    keys = np.broadcast_to(groups, (bands, groups.size)).copy()
    keys += np.arange(bands, dtype=np.uint64)[:, None]
    for row in range(rows):
        keys ^= values[:, row]
        keys *= _BAND_MULTIPLIER
        keys ^= keys >> np.uint64(32)
    return keys


def _digests(shingles: Hashes, sizes: Rows, groups: Hashes) -> Hashes:
    """Return 128 bits of each set: two sums over differently mixed hashes, and the group."""
    starts = np.cumsum(sizes) - sizes
    sums = [np.add.reduceat(mixed(shingles ^ salt), starts) for salt in _SALTS]
    return np.stack([mixed(sums[0] + groups), mixed(sums[1] ^ groups)], axis=1)


def _sets_and_signatures(
    texts: Sequence[str], words: int, factors: NDArray[np.uint32]
) -> tuple[Hashes, Rows, NDArray[np.uint32]]:
    """Return flat sorted sets, their sizes, and signatures of shape (permutations, n)."""
    raw, counts = shingle_hashes(texts, words)
    signatures = np.empty((factors.shape[1], len(texts)), dtype=np.uint32)
    starts = np.cumsum(counts) - counts
    tailed = with_tail(raw, counts)
    sizes = np.empty_like(counts)
    kept = np.zeros(raw.size, dtype=bool)
    for block in blocks(counts, _BLOCK):
        matrix = padded(tailed, starts[block], counts[block], repeat_first=True)
        matrix.sort(axis=1)
        least = np.empty((factors.shape[1], block.size), dtype=np.uint32)
        _signatures(matrix, factors, least)
        signatures[:, block] = least
        # Back to their own places: sorted, and only the first of equal ones is kept.
        fresh = np.ones(matrix.shape, dtype=bool)
        np.not_equal(matrix[:, 1:], matrix[:, :-1], out=fresh[:, 1:])
        sizes[block] = fresh.sum(axis=1)
        ranks = np.cumsum(fresh, axis=1)[fresh] - 1
        places = np.repeat(starts[block], sizes[block]) + ranks
        raw[places] = matrix[fresh]
        kept[places] = True
    return raw[kept], sizes, signatures


def sketch(texts: Sequence[Text], settings: DedupConfig) -> Sketch:
    """Compute what near-duplicates of some texts are searched in.

    The result for a text depends on nothing but the text and the settings.
    """
    bands, rows = bands_and_rows(settings.threshold, settings.permutations)
    if not texts:
        none = np.zeros(0, np.uint64)
        return Sketch(none, np.zeros(0, np.int64), none, np.zeros((0, 2), np.uint64), np.zeros((bands, 0), np.uint64))
    _, names, plain = zip(*texts, strict=True)
    hashes = {name: text_hash(name) for name in set(names)}
    groups = np.fromiter(map(hashes.__getitem__, names), np.uint64, len(texts))
    # Permutations that are in no band are not needed.
    factors = _coefficients(settings.permutations, settings.seed)[:, : bands * rows]
    if (loaded := library()) is not None:
        data, spans = compiled_word_bytes(loaded, plain)
        shape = factors.reshape(2, bands, rows)
        shingles, sizes, digests, keys = sketch_texts(loaded, data, spans, groups, settings.shingle_words, shape)
        return Sketch(shingles, sizes, groups, digests, keys)
    shingles, sizes, signatures = _sets_and_signatures(plain, settings.shingle_words, factors)
    keys = _band_keys(signatures, groups, bands, rows)
    return Sketch(shingles, sizes, groups, _digests(shingles, sizes, groups), keys)
