"""From text to numbers: by character, or by a tokenizer file of any Hugging Face model."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from secft.errors import InputError
from secft.files import sha256_file, storage_errors
from secft.train.backends.nanogpt.meta import write_meta, write_vocabulary_size

MOST_TOKENS = 2**16
NANOGPT_DEFAULT = 50304
"""Tokens that nanoGPT's train.py takes where there is no meta.pkl: GPT-2's 50257, rounded up."""
_ENDS = ("<|endoftext|>", "<|end_of_text|>", "</s>", "<eos>")


class TokenVocabulary(Protocol):
    """Encodes text and writes what a reader needs to decode it."""

    @property
    def size(self) -> int:
        """Number of tokens."""

    def encode(self, text: str) -> NDArray[np.uint16]:
        """Return the tokens of a text."""

    def end_of_file(self) -> NDArray[np.uint16]:
        """Return what stands after each source file."""

    def write(self, directory: Path) -> None:
        """Write meta.pkl or tokenizer.json."""

    def describe(self) -> dict[str, Any]:
        """Return plain values for the manifest."""


class Characters:
    """One token for each character that occurs, in order of code points."""

    def __init__(self, characters: set[str]) -> None:
        if len(characters) > MOST_TOKENS:
            raise InputError(f"{len(characters)} different characters do not fit 16 bits; use a tokenizer instead.")
        self.characters = "".join(sorted(characters))
        points = np.array([ord(character) for character in self.characters], dtype=np.int64)
        self._numbers = np.zeros(int(points[-1]) + 1 if len(points) else 1, dtype="<u2")
        self._numbers[points] = np.arange(len(points), dtype="<u2")

    @property
    def size(self) -> int:
        """Number of characters."""
        return len(self.characters)

    def encode(self, text: str) -> NDArray[np.uint16]:
        """Return the numbers of characters, all of which must be known."""
        points = np.frombuffer(text.encode("utf-32-le", "surrogatepass"), dtype="<u4")
        numbers: NDArray[np.uint16] = self._numbers[points]
        return numbers

    def end_of_file(self) -> NDArray[np.uint16]:
        """Return nothing: files follow each other, as in nanoGPT."""
        return np.zeros(0, dtype="<u2")

    def write(self, directory: Path) -> None:
        """Write meta.pkl."""
        write_meta(directory / "meta.pkl", self.characters)

    def describe(self) -> dict[str, Any]:
        """Return level and size."""
        return {"level": "character", "vocab_size": self.size}


class Tokenizer:
    """A ``tokenizer.json``; its end-of-text token, where it has one, stands after each source file."""

    def __init__(self, path: Path) -> None:
        self.path = path / "tokenizer.json" if path.is_dir() else path
        self._tokenizer = _loaded(self.path)
        self.size = int(self._tokenizer.get_vocab_size(with_added_tokens=True))
        if self.size > MOST_TOKENS:
            raise InputError(f"{self.path}: {self.size} tokens do not fit 16 bits ({MOST_TOKENS}).")
        found = (self._tokenizer.token_to_id(name) for name in _ENDS)
        self.end = next((number for number in found if number is not None), None)

    def encode(self, text: str) -> NDArray[np.uint16]:
        """Return the tokens of a text without special ones around it."""
        return np.array(self._tokenizer.encode(text, add_special_tokens=False).ids, dtype="<u2")

    def end_of_file(self) -> NDArray[np.uint16]:
        """Return the end-of-text token, or nothing."""
        return np.array([] if self.end is None else [self.end], dtype="<u2")

    def write(self, directory: Path) -> None:
        """Write tokenizer.json, and meta.pkl where nanoGPT would otherwise take too small a vocabulary."""
        with storage_errors(directory):
            shutil.copyfile(self.path, directory / "tokenizer.json")
        if self.size > NANOGPT_DEFAULT:
            write_vocabulary_size(directory / "meta.pkl", self.size)

    def describe(self) -> dict[str, Any]:
        """Return level, size and the file's digest."""
        return {"level": "tokens", "vocab_size": self.size, "tokenizer": sha256_file(self.path), "end": self.end}


def _loaded(path: Path) -> Any:
    if not path.is_file():
        raise InputError(f"{path}: no such tokenizer; give a tokenizer.json or a model directory that holds one.")
    from tokenizers import Tokenizer as Loaded

    try:
        loaded = Loaded.from_file(str(path))
    except Exception as error:  # the library raises plain Exception
        raise InputError(f"{path}: not a tokenizer.json ({error}).") from error
    # A file may ask for cutting or padding, which would lose or invent text.
    loaded.no_truncation()
    loaded.no_padding()
    return loaded
