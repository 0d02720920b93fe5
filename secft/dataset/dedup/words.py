"""From texts to sets of 64-bit shingle hashes, a batch at a time and without a step per word.

Equal shingles have equal hashes. Two different ones have equal hashes with a probability of about 2**-64: words of up
to eight bytes never do among words of their length, longer ones and runs of words are mixed step by step. In a pair of
texts of 100 shingles each that is one chance in 10**15 that one shared shingle too many is counted. The hash is not
secret: who wants to can make two words that collide, and gains that their text may be taken for a duplicate.
"""

from __future__ import annotations

import ctypes
import hashlib
import re
from collections.abc import Iterable, Sequence
from itertools import pairwise

import numpy as np
from numpy.lib.stride_tricks import as_strided
from numpy.typing import NDArray

from secft.dataset.clean import folded
from secft.dataset.dedup.native import fold_texts

Hashes = NDArray[np.uint64]
Rows = NDArray[np.int64]

_SPACE = 32
# ASCII letters in lower case, digits and the underscore stay, everything else is a space; other bytes belong to
# characters of words, see _plain.
_WORDS_ONLY = bytes(
    (code | 0x20 if 65 <= code <= 90 else code) if code >= 128 or chr(code).isalnum() or code == 95 else _SPACE
    for code in range(256)
)
# Signs of typography that are no words in any form: most texts that are not ASCII have no other characters.
_TYPOGRAPHY = re.compile("[\u00a0\u00b7\u2010-\u2015\u2018-\u201f\u2022\u2026\u2190-\u2193\u2212]+")
_OTHER_SIGNS = re.compile(r"[^\w\x00-\x7f]+")
_MULTIPLIER = np.uint64(0x9E3779B97F4A7C15)
_FILLER = np.uint64(0xD6E8FEB86659FD93)
"""Stands for the words that a text shorter than a shingle lacks."""
PADDING = np.uint64(0xFFFFFFFFFFFFFFFF)
"""No shingle has this hash, so rows of different lengths can be filled up with it."""
_FIRST_BYTES = np.array([(1 << 8 * count) - 1 for count in range(9)], dtype=np.uint64)


def text_hash(text: str) -> int:
    """Return 64 bits of BLAKE2b of a text."""
    return int.from_bytes(hashlib.blake2b(text.encode(), digest_size=8).digest(), "little")


def distinct(parts: Iterable[Hashes]) -> Hashes:
    """Return all hashes of many arrays, each once, sorted; memory is about that of three times the result."""
    known = np.zeros(0, np.uint64)
    waiting: list[Hashes] = []
    count = 0
    for part in parts:
        waiting.append(part)
        count += part.size
        if count > max(known.size, 1 << 20):
            known, waiting, count = np.unique(np.concatenate([known, *waiting])), [], 0
    return np.unique(np.concatenate([known, *waiting]))


def mixed(values: Hashes) -> Hashes:
    """Return values whose every bit depends on every bit of the input; one to one.

    Source: Steele, Lea and Flood, Fast splittable pseudorandom number generators, 2014 (finaliser of SplitMix64).
    """
    values = (values ^ (values >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    values = (values ^ (values >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return values ^ (values >> np.uint64(31))


def _plain(text: str) -> str:
    """Return a text in which only ASCII is left to be put into the form of secft.dataset.clean.comparable."""
    if text.isascii() or (text := _TYPOGRAPHY.sub(" ", text)).isascii():
        return text
    return _OTHER_SIGNS.sub(" ", folded(text))


def word_bytes(texts: Sequence[str]) -> tuple[NDArray[np.uint8], Rows]:
    """Return the bytes of all texts with a space for everything that is no word, and where each text ends.

    The words are those of secft.dataset.clean.comparable. For ASCII that form is a matter of lower case and of what is
    a word, which is done here on the bytes of all texts at once. Every text ends at a space, and at the end there are
    eight more, so that eight bytes can be read from wherever a word begins.
    """
    data, ends = _joined([_plain(text).encode() for text in texts])
    return np.frombuffer(data.translate(_WORDS_ONLY), dtype=np.uint8), ends


def _joined(encoded: Sequence[bytes]) -> tuple[bytes, Rows]:
    ends: Rows = np.cumsum(np.fromiter(map(len, encoded), np.int64, len(encoded)) + 1) - 1
    return b" ".join([*encoded, b" " * 9]), ends


def compiled_word_bytes(loaded: ctypes.CDLL, texts: Sequence[str]) -> tuple[NDArray[np.uint8], tuple[Rows, Rows]]:
    """Return the same as `word_bytes` in no particular order, and where each text starts and ends.

    Args:
        loaded: the compiled loops.
        texts: texts.
    """
    joined, ends = _joined(list(map(str.encode, texts)))
    data, odd = fold_texts(loaded, np.frombuffer(joined, dtype=np.uint8), ends)
    starts: Rows = np.concatenate([[0], ends[:-1] + 1])
    if odd.any():
        places = np.flatnonzero(odd)
        more, more_ends = word_bytes([texts[place] for place in places.tolist()])
        starts[places], ends[places] = data.size + np.concatenate([[0], more_ends[:-1] + 1]), data.size + more_ends
        data = np.concatenate([data, more])
    return data, (starts, ends)


def word_hashes(texts: Sequence[str]) -> tuple[Hashes, Rows]:
    """Return the hash of every word, and how many words each text has."""
    data, text_ends = word_bytes(texts)
    inside = np.concatenate(([False], data != _SPACE))
    edges = np.flatnonzero(inside[1:] != inside[:-1])
    starts, ends = edges[::2], edges[1::2]
    counts = np.diff(np.searchsorted(starts, text_ends), prepend=0)
    return _hashes_of_bytes(data, starts, ends - starts), counts


def _hashes_of_bytes(data: NDArray[np.uint8], starts: Rows, lengths: Rows) -> Hashes:
    """Return the hash of each word: its length, then eight bytes after the other, mixed after each.

    Args:
        data: bytes, at least eight more after the start of the last word.
        starts: shape (words,), where each word begins.
        lengths: shape (words,), its bytes, at least 1.
    """
    # Eight bytes from every place on, first byte lowest.
    eights = as_strided(data[:8].view("<u8"), shape=(data.size - 7,), strides=(1,), writeable=False)
    hashes = mixed(eights[starts] & _FIRST_BYTES[np.minimum(lengths, 8)] ^ lengths.astype(np.uint64) * _MULTIPLIER)
    longer = np.flatnonzero(lengths > 8)
    done = 8
    while longer.size:
        rest = np.minimum(lengths[longer] - done, 8)
        hashes[longer] = mixed(hashes[longer] ^ eights[starts[longer] + done] & _FIRST_BYTES[rest])
        done += 8
        longer = longer[lengths[longer] > done]
    return hashes


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


def with_tail(values: Hashes, sizes: Rows) -> Hashes:
    """Return flat rows with as much behind them as the longest one is long, which `padded` needs."""
    return np.concatenate([values, np.full(int(sizes.max(initial=0)), PADDING, dtype=np.uint64)])


def padded(values: Hashes, starts: Rows, sizes: Rows, repeat_first: bool) -> Hashes:
    """Return rows of different lengths as one matrix, shape (rows, longest).

    Args:
        values: flat values of many rows, with a tail.
        starts: where each row starts.
        sizes: length of each row, at least 1.
        repeat_first: fill up with the first value of the row, else with PADDING.
    """
    width = int(sizes.max())
    # Whole stretches are copied, which is faster than picking values one by one; what is too much is overwritten.
    stretches = as_strided(values, shape=(values.size - width + 1, width), strides=(8, 8), writeable=False)
    matrix: Hashes = stretches[starts]
    beyond = np.arange(width, dtype=np.int64) >= sizes[:, None]
    np.copyto(matrix, matrix[:, :1].copy() if repeat_first else PADDING, where=beyond)
    return matrix
