"""From texts to sets of 64-bit shingle hashes, a batch at a time and without a step per word.

Equal shingles have equal hashes; two different ones have equal hashes with a probability of 2**-64 (BLAKE2b of each
word, combined by odd multipliers and mixed). In a pair of texts of 100 shingles each that is one chance in 10**15 that
one shared shingle too many is counted.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from secft.dataset.clean import comparable

Hashes = NDArray[np.uint64]
Rows = NDArray[np.int64]

# ASCII letters in lower case, digits and the underscore stay, everything else is a space; other bytes belong to
# characters that `comparable` has already let through.
_WORDS_ONLY = bytes(
    (code | 0x20 if 65 <= code <= 90 else code) if code >= 128 or chr(code).isalnum() or code == 95 else 32
    for code in range(256)
)
_MULTIPLIER = np.uint64(0x9E3779B97F4A7C15)
_FILLER = np.uint64(0xD6E8FEB86659FD93)
"""Stands for the words that a text shorter than a shingle lacks."""
PADDING = np.uint64(0xFFFFFFFFFFFFFFFF)
"""No shingle has this hash, so rows of different lengths can be filled up with it."""

_KNOWN_WORDS = 2_000_000


class _WordHashes(dict[str, int]):
    """Word -> 64 bits of BLAKE2b; forgets everything rather than grow without bound."""

    def __missing__(self, word: str) -> int:
        if len(self) >= _KNOWN_WORDS:
            self.clear()
        value = self[word] = text_hash(word)
        return value


def text_hash(text: str) -> int:
    """Return 64 bits of BLAKE2b of a text."""
    return int.from_bytes(hashlib.blake2b(text.encode(), digest_size=8).digest(), "little")


_word_hashes = _WordHashes()


def mixed(values: Hashes) -> Hashes:
    """Return values whose every bit depends on every bit of the input; one to one.

    Source: Steele, Lea and Flood, Fast splittable pseudorandom number generators, 2014 (finaliser of SplitMix64).
    """
    values = (values ^ (values >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    values = (values ^ (values >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return values ^ (values >> np.uint64(31))


def word_hashes(texts: Sequence[str]) -> tuple[Hashes, Rows]:
    """Return the hash of every word, and how many words each text has.

    The words are those of secft.dataset.clean.comparable: for plain ASCII, whose normal form is only a matter of
    lower case and of what is a word, that is done here on the bytes of all texts at once.
    """
    import pyarrow as pa
    import pyarrow.compute as pc

    encoded = [(text if text.isascii() else comparable(text)).encode() for text in texts]
    ends = np.cumsum([0, *map(len, encoded)], dtype=np.int64)
    data = b"".join(encoded).translate(_WORDS_ONLY)
    array = pa.LargeStringArray.from_buffers(len(encoded), pa.py_buffer(ends), pa.py_buffer(data))
    parts = pc.ascii_split_whitespace(array)
    words = parts.values
    filled = pc.not_equal(pc.binary_length(words), 0).to_numpy(zero_copy_only=False)
    before = np.concatenate(([0], np.cumsum(filled)))
    counts = np.diff(before[parts.offsets.to_numpy()])
    coded = pc.dictionary_encode(words.filter(pa.array(filled)))
    known = coded.dictionary.to_pylist()
    hashes = np.fromiter(map(_word_hashes.__getitem__, known), np.uint64, len(known))
    return hashes[coded.indices.to_numpy()], counts


def _fill_up(hashes: Hashes, counts: Rows, words: int) -> tuple[Hashes, Rows]:
    """Give texts with fewer words than a shingle the words that they lack."""
    lacking = np.maximum(words - counts, 0)
    if not lacking.any():
        return hashes, counts
    return np.insert(hashes, np.repeat(np.cumsum(counts), lacking), _FILLER), counts + lacking


def shingle_hashes(texts: Sequence[str], words: int) -> tuple[Hashes, Rows]:
    """Return the hash of every run of ``words`` words, text after text, and how many each text has.

    A shorter text is one shingle, as in secft.dataset.dedup.compared.shingles. Repetitions are still there.
    """
    hashes, counts = _fill_up(*word_hashes(texts), words)
    places = hashes.size - words + 1
    if places <= 0:
        return np.zeros(0, np.uint64), np.zeros(0, np.int64)
    combined = hashes[:places].copy()
    for place in range(1, words):
        combined *= _MULTIPLIER
        combined += hashes[place : place + places]
    # A run must not go on into the next text.
    crossing = np.zeros(hashes.size, dtype=bool)
    ends = np.cumsum(counts)
    for place in range(1, words):
        crossing[ends - place] = True
    return np.minimum(mixed(combined[~crossing[:places]]), PADDING - np.uint64(1)), counts - words + 1


def blocks(sizes: Rows, elements: int) -> list[Rows]:
    """Divide rows of different lengths into blocks of similar ones.

    Args:
        sizes: length of each row.
        elements: most elements of a block when its rows are filled up to the longest; a single row may have more.

    Returns:
        Numbers of the rows of each block, shortest rows first; every row once.
    """
    order = np.argsort(sizes, kind="stable")
    cuts = [0]
    while cuts[-1] < order.size:
        rows = min(elements, order.size - cuts[-1])
        while rows > 1 and rows * sizes[order[cuts[-1] + rows - 1]] > elements:
            rows = (rows + 1) // 2
        cuts.append(cuts[-1] + rows)
    return [order[start:end] for start, end in pairwise(cuts)]


def padded(values: Hashes, starts: Rows, sizes: Rows, repeat_last: bool) -> Hashes:
    """Return rows of different lengths as one matrix, shape (rows, longest).

    Args:
        values: flat values of many rows.
        starts: where each row starts.
        sizes: length of each row, at least 1.
        repeat_last: fill up with the last value of the row, else with PADDING.
    """
    columns = np.arange(int(sizes.max()), dtype=np.int64)
    within = np.minimum(columns, sizes[:, None] - 1)
    matrix = values[starts[:, None] + within]
    if not repeat_last:
        matrix[columns >= sizes[:, None]] = PADDING
    return matrix
