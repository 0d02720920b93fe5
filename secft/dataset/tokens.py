"""Counters of tokens that travel to workers."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

from secft.records import Message

TURN_TOKENS = 5
"""About what a chat template adds to a turn."""


@lru_cache(maxsize=2)
def _tokenizer(directory: Path) -> Any:
    from transformers import AutoTokenizer  # heavy: only when a dataset is made

    return AutoTokenizer.from_pretrained(directory, local_files_only=True)


@dataclass(frozen=True)
class ModelTokens:
    """Counts with a model's own tokenizer.

    Attributes:
        directory: of the model.
    """

    directory: Path

    @property
    def name(self) -> str:
        """What decides about the counts."""
        return str(self.directory)

    def conversation(self, messages: Sequence[Message]) -> int:
        """Return the tokens of a whole conversation in the model's chat template."""
        text = _tokenizer(self.directory).apply_chat_template(list(messages), tokenize=False)
        return self.answer(text)

    def answer(self, text: str) -> int:
        """Return the tokens of a text."""
        return len(_tokenizer(self.directory)(text, add_special_tokens=False)["input_ids"])


@dataclass(frozen=True)
class AboutTokens:
    """Counts about four characters a token, where the model's tokenizer is not on this machine."""

    name: str = "about four characters a token"

    def conversation(self, messages: Sequence[Message]) -> int:
        """Return about the tokens of a whole conversation."""
        return sum(self.answer(message["content"]) + TURN_TOKENS for message in messages)

    def answer(self, text: str) -> int:
        """Return about the tokens of a text."""
        return len(text) // 4 + 1
