"""Counters of tokens that travel to workers."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

from secft.errors import InputError
from secft.models.conversation import render_conversation
from secft.models.loading import load_tokenizer
from secft.records import Example, message_text

TURN_TOKENS = 5
"""About what a chat template adds to a turn."""


@lru_cache(maxsize=2)
def _tokenizer(directory: Path) -> Any:
    return load_tokenizer(directory, template=False)


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

    def conversations(self, examples: Sequence[Example]) -> list[int]:
        """Return the tokens of whole conversations in the model's chat template, offered tools included."""
        texts = [self._rendered(one) for one in examples]
        counts = iter(self.answers([text for text in texts if text is not None]))
        # What the template refuses is told of all rows together before a training; here it only has a length.
        about = AboutTokens()
        return [
            about.conversations([one])[0] if text is None else next(counts)
            for one, text in zip(examples, texts, strict=True)
        ]

    def _rendered(self, example: Example) -> str | None:
        try:
            return render_conversation(_tokenizer(self.directory), example.messages, example.tools)
        except InputError:
            return None

    def answers(self, texts: Sequence[str]) -> list[int]:
        """Return the tokens of texts."""
        if not texts:
            return []
        # A batch takes half the time of one text after the other.
        encoded = _tokenizer(self.directory)(list(texts), add_special_tokens=False, return_attention_mask=False)
        return [len(ids) for ids in encoded["input_ids"]]


@dataclass(frozen=True)
class AboutTokens:
    """Counts about four characters a token, where the model's tokenizer is not on this machine."""

    name: str = "about four characters a token"

    def conversations(self, examples: Sequence[Example]) -> list[int]:
        """Return about the tokens of whole conversations, offered tools included."""
        return [
            sum(_about(message_text(message)) + TURN_TOKENS for message in one.messages)
            + (_about(json.dumps(one.tools)) if one.tools else 0)
            for one in examples
        ]

    def answers(self, texts: Sequence[str]) -> list[int]:
        """Return about the tokens of texts."""
        return [_about(text) for text in texts]


def _about(text: str) -> int:
    return len(text) // 4 + 1
