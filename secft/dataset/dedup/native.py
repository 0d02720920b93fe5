"""native.c, compiled once by the machine's own C compiler; without one, numpy does the same work more slowly."""

from __future__ import annotations

import ctypes
import hashlib
import os
import platform
import shutil
import subprocess
import tempfile
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from secft.models.cache import default_cache_dir

SOURCE = Path(__file__).with_name("native.c")
FLAGS = ("-O3", "-shared", "-fPIC", "-march=native" if platform.machine() == "x86_64" else "-mcpu=native")
SWITCH = "SECFT_NATIVE"
"""Environment variable; 0 leaves everything to numpy."""


@cache
def library() -> ctypes.CDLL | None:
    """Return the compiled loops, or None where they cannot be had."""
    compiler = os.environ.get("CC") or next(filter(shutil.which, ("cc", "gcc", "clang")), None)
    if compiler is None or os.environ.get(SWITCH) == "0":
        return None
    path = default_cache_dir() / "kernels" / f"dedup-{_identity(compiler)}.so"
    try:
        if not path.is_file():
            _compile(compiler, path)
        loaded = ctypes.CDLL(str(path))
    except (OSError, subprocess.SubprocessError):
        return None
    loaded.sketch_texts.restype = ctypes.c_int64
    loaded.count_shared.restype = None
    return loaded


def _identity(compiler: str) -> str:
    """Digest of everything that decides the machine code, the processor included."""
    cpu = Path("/proc/cpuinfo")
    lines = cpu.read_text(encoding="utf-8", errors="replace").splitlines() if cpu.is_file() else []
    processor = next((line for line in lines if line.startswith(("flags", "Features"))), platform.processor())
    text = "\n".join([compiler, *FLAGS, processor, SOURCE.read_text(encoding="utf-8")])
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def _compile(compiler: str, path: Path) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=path.parent) as scratch:
        built = Path(scratch) / path.name
        command = [compiler, *FLAGS, str(SOURCE), "-o", str(built)]
        subprocess.run(command, check=True, capture_output=True, text=True, timeout=120)
        built.replace(path)


def _address(array: NDArray[Any], dtype: type[np.generic]) -> ctypes.c_void_p:
    if array.dtype != dtype or not array.flags.c_contiguous:
        raise TypeError(f"expected contiguous {dtype.__name__}, found {array.dtype}")
    return ctypes.c_void_p(array.ctypes.data)


def sketch_texts(
    loaded: ctypes.CDLL,
    data: NDArray[np.uint8],
    ends: NDArray[np.int64],
    words: int,
    factors: NDArray[np.uint32],
) -> tuple[NDArray[np.uint64], NDArray[np.int64], NDArray[np.uint32]]:
    """Return shingle sets, their sizes, and signatures.

    Args:
        loaded: the compiled loops.
        data: bytes of all texts, everything that is no word a space, with nine spaces at the end.
        ends: shape (texts,), where each text ends, at a space.
        words: words in a shingle.
        factors: factors and summands, shape (2, permutations).

    Returns:
        Flat sorted sets, shape (texts,), shape (permutations, texts).
    """
    permutations = factors.shape[1]
    room = data.size // 2 + (words + 1) * (ends.size + 1)
    space, shingles = np.empty(room, np.uint64), np.empty(room, np.uint64)
    sizes = np.empty(ends.size, np.int64)
    signatures = np.empty((ends.size, permutations), np.uint32)
    count = loaded.sketch_texts(
        _address(data, np.uint8),
        _address(ends, np.int64),
        ctypes.c_int64(ends.size),
        ctypes.c_int64(words),
        _address(factors[0], np.uint32),
        _address(factors[1], np.uint32),
        ctypes.c_int64(permutations),
        _address(space, np.uint64),
        _address(shingles, np.uint64),
        _address(sizes, np.int64),
        _address(signatures, np.uint32),
    )
    return shingles[:count].copy(), sizes, signatures.T


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
    # At least threshold / (1 + threshold) of both sizes must be shared; one more is allowed for rounding.
    spare = both - 2 * (np.floor(both * (threshold / (1 + threshold))).astype(np.int64) - 1)
    shared = np.empty(both.size, np.int64)
    places = [_address(part, np.int64) for part in (*left, *right, spare)]
    loaded.count_shared(_address(values, np.uint64), *places, ctypes.c_int64(both.size), _address(shared, np.int64))
    return shared
