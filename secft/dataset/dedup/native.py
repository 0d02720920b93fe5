"""native.c, compiled once by the machine's own C compiler; without one, numpy does the same work more slowly."""

from __future__ import annotations

import ctypes
import os
import subprocess
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from secft.compiled import OWN_PROCESSOR, find_compiler, load_compiled
from secft.models.cache import default_cache_dir

SOURCE = Path(__file__).with_name("native.c")
FLAGS = ("-O3", "-shared", "-fPIC", OWN_PROCESSOR)
SWITCH = "SECFT_NATIVE"
"""Environment variable; 0 leaves everything to numpy."""


@cache
def library() -> ctypes.CDLL | None:
    """Return the compiled loops, or None where they cannot be had."""
    compiler = find_compiler()
    if compiler is None or os.environ.get(SWITCH) == "0":
        return None
    try:
        loaded = load_compiled(compiler, SOURCE, FLAGS, default_cache_dir() / "kernels" / "dedup")
    except (OSError, subprocess.SubprocessError):
        return None
    for counting in (loaded.sketch_texts, loaded.repeated):
        counting.restype = ctypes.c_int64
    for loop in (loaded.fold_texts, loaded.count_shared, loaded.bit_maps, loaded.maps_agree):
        loop.restype = None
    return loaded


def _address(array: NDArray[Any], dtype: type[np.generic]) -> ctypes.c_void_p:
    if array.dtype != dtype or not array.flags.c_contiguous:
        raise TypeError(f"expected contiguous {dtype.__name__}, found {array.dtype}")
    # Unlike the bare number, this keeps the array alive.
    return array.ctypes.data_as(ctypes.c_void_p)


def fold_texts(
    loaded: ctypes.CDLL, data: NDArray[np.uint8], ends: NDArray[np.int64]
) -> tuple[NDArray[np.uint8], NDArray[np.bool_]]:
    """Return the bytes with a space for all of ASCII and typography that is no word, and which texts have more.

    Args:
        loaded: the compiled loops.
        data: UTF-8 of all texts, one byte between them, nine more at the end.
        ends: shape (texts,), where each text ends.
    """
    folded, odd = np.full(data.size, ord(" "), np.uint8), np.empty(ends.size, np.bool_)
    places = _address(data, np.uint8), _address(ends, np.int64)
    loaded.fold_texts(*places, ctypes.c_int64(ends.size), _address(folded, np.uint8), _address(odd, np.bool_))
    return folded, odd


Made = tuple[NDArray[np.uint64], NDArray[np.int64], NDArray[np.uint64], NDArray[np.uint64]]


def sketch_texts(
    loaded: ctypes.CDLL,
    data: NDArray[np.uint8],
    spans: tuple[NDArray[np.int64], NDArray[np.int64]],
    groups: NDArray[np.uint64],
    words: int,
    factors: NDArray[np.uint32],
) -> Made:
    """Return shingle sets, their sizes, digests and band keys.

    Args:
        loaded: the compiled loops.
        data: bytes of all texts, everything that is no word a space, with nine spaces at the end.
        spans: where each text starts and ends, shape (texts,) each.
        groups: shape (texts,), hash of each text's group.
        words: words in a shingle.
        factors: factors and summands, shape (2, bands, rows).

    Returns:
        Flat sorted sets, shape (texts,), shape (texts, 2), shape (bands, texts).
    """
    starts, ends = spans
    _, bands, rows = factors.shape
    # A multiple of what a vector register holds, so that no loop has a slow end.
    permutations = -(-bands * rows // 16) * 16
    padded = np.zeros((2, permutations), np.uint32)
    padded[:, : bands * rows] = factors.reshape(2, -1)
    longest = int((ends - starts).max(initial=0))
    room = data.size // 2 + (words + 1) * (ends.size + 1)
    shingles, sizes = np.empty(room, np.uint64), np.empty(ends.size, np.int64)
    digests, keys = np.empty((ends.size, 2), np.uint64), np.empty((bands, ends.size), np.uint64)
    least, edges = np.empty(permutations, np.uint32), np.empty(longest + 2, np.int32)
    space = np.empty(longest + words + 1, np.uint64)
    count = loaded.sketch_texts(
        _address(data, np.uint8),
        _address(starts, np.int64),
        _address(ends, np.int64),
        _address(groups, np.uint64),
        *map(ctypes.c_int64, (ends.size, words)),
        _address(padded[0], np.uint32),
        _address(padded[1], np.uint32),
        *map(ctypes.c_int64, (permutations, bands, rows)),
        _address(least, np.uint32),
        _address(edges, np.int32),
        _address(space, np.uint64),
        _address(shingles, np.uint64),
        _address(sizes, np.int64),
        _address(digests, np.uint64),
        _address(keys, np.uint64),
    )
    return shingles[:count], sizes, digests, keys


def bit_maps(loaded: ctypes.CDLL, values: NDArray[np.uint64], sizes: NDArray[np.int64]) -> NDArray[np.uint64]:
    """Return 2048 bits of each set, shape (sets, 32): as many as differ, so many values only one of two sets has."""
    maps = np.empty((sizes.size, 32), np.uint64)
    places = _address(values, np.uint64), _address(sizes, np.int64)
    loaded.bit_maps(*places, ctypes.c_int64(sizes.size), _address(maps, np.uint64))
    return maps


def maps_agree(
    loaded: ctypes.CDLL,
    maps: NDArray[np.uint64],
    left: NDArray[np.int64],
    right: NDArray[np.int64],
    both: NDArray[np.int64],
    threshold: float,
) -> NDArray[np.bool_]:
    """Mark the pairs whose similarity can reach the threshold by the bits of their sets, shape (pairs,).

    Args:
        loaded: the compiled loops.
        maps: see bit_maps.
        left: shape (pairs,), numbers of sets.
        right: those of the other sets.
        both: shape (pairs,), sizes of both sets together.
        threshold: Jaccard similarity that matters.
    """
    agree, spare = np.empty(both.size, np.bool_), _spare(both, threshold)
    places = [_address(part, np.int64) for part in (left, right, spare)]
    loaded.maps_agree(_address(maps, np.uint64), *places, ctypes.c_int64(both.size), _address(agree, np.bool_))
    return agree


def _spare(both: NDArray[np.int64], threshold: float) -> NDArray[np.int64]:
    """Return how many values of two sets may stand alone; both: sizes of the two sets together."""
    # At least threshold / (1 + threshold) of both sizes must be shared; what is taken off is for rounding.
    least: NDArray[np.int64] = np.ceil(both * (threshold / (1 + threshold)) * (1 - 1e-9)).astype(np.int64)
    return both - 2 * least


def count_shared(
    loaded: ctypes.CDLL,
    values: NDArray[np.uint64],
    left: tuple[Any, Any],
    right: tuple[Any, Any],
    threshold: float,
) -> NDArray[np.int64]:
    """Return how many values the sets of each pair share, shape (pairs,).

    Counting a pair ends where its similarity can only be below the threshold; then the number is too low.

    Args:
        loaded: the compiled loops.
        values: flat sorted sets.
        left: starts and sizes of the left sets, each of shape (pairs,).
        right: those of the right sets.
        threshold: Jaccard similarity that matters.
    """
    both = left[1] + right[1]
    spare = _spare(both, threshold)
    shared = np.empty(both.size, np.int64)
    places = [_address(part, np.int64) for part in (*left, *right, spare)]
    loaded.count_shared(_address(values, np.uint64), *places, ctypes.c_int64(both.size), _address(shared, np.int64))
    return shared


def repeated(loaded: ctypes.CDLL, keys: NDArray[np.uint64]) -> NDArray[np.int64]:
    """Return the places of all keys that are there more than once, ascending, and of a few others."""
    bits = int(keys.size).bit_length() + 3
    seen, found = np.zeros(1 << bits, np.uint8), np.empty(keys.size, np.int64)
    places = _address(seen, np.uint8), _address(found, np.int64)
    sizes = ctypes.c_int64(keys.size), ctypes.c_int64(bits)
    count = loaded.repeated(_address(keys, np.uint64), *sizes, *places)
    return found[:count]
