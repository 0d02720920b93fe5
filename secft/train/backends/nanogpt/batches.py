"""Contexts from a flat file of tokens: ``train.bin`` and ``val.bin`` hold uint16, little endian.

A batch depends on the seed and the step alone, so that a resumed run sees what an uninterrupted one would have seen.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from secft.errors import InputError

TOKEN = np.dtype("<u2")


def open_tokens(path: Path, vocab_size: int | None = None) -> NDArray[np.uint16]:
    """Map a file of tokens into memory.

    Args:
        path: the file.
        vocab_size: every token must be below it; None does not check.

    Raises:
        InputError: the file is missing, empty, of odd length, or holds a token outside the vocabulary.
    """
    if not path.is_file():
        raise InputError(f"{path}: no such file.")
    size = path.stat().st_size
    if size == 0 or size % TOKEN.itemsize:
        raise InputError(f"{path}: {size} bytes are not a flat file of 16-bit tokens.")
    tokens = np.memmap(path, dtype=TOKEN, mode="r")
    if vocab_size is not None:
        largest = max(int(tokens[start : start + 2**22].max()) for start in range(0, len(tokens), 2**22))
        if largest >= vocab_size:
            raise InputError(f"{path}: token {largest} is outside the vocabulary of {vocab_size}.")
    return tokens


def batch(tokens: NDArray[np.uint16], seed: tuple[int, ...], batch_size: int, block_size: int) -> tuple[Tensor, Tensor]:
    """Return random contexts and what follows each position.

    Args:
        tokens: the whole file.
        seed: numbers that name the batch.
        batch_size: contexts.
        block_size: tokens of a context.

    Returns:
        Inputs and targets, each of shape (batch_size, block_size), int64.
    """
    random = np.random.Generator(np.random.Philox(np.random.SeedSequence(seed)))
    starts = random.integers(0, len(tokens) - block_size, size=batch_size)
    rows = tokens[starts[:, None] + np.arange(block_size + 1)].astype(np.int64)
    both = torch.from_numpy(rows)
    return both[:, :-1], both[:, 1:].contiguous()


def windows(
    tokens: NDArray[np.uint16], batch_size: int, block_size: int, most_tokens: int
) -> Iterator[tuple[Tensor, Tensor]]:
    """Yield the whole file once, in contexts one after the other, up to a number of tokens."""
    count = min((len(tokens) - 1) // block_size, max(most_tokens // block_size, 1))
    for first in range(0, count, batch_size):
        starts = np.arange(first, min(first + batch_size, count)) * block_size
        both = torch.from_numpy(tokens[starts[:, None] + np.arange(block_size + 1)].astype(np.int64))
        yield both[:, :-1], both[:, 1:].contiguous()
