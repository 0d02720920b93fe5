"""From conversations to the exact text that a model sees: its own chat template, as in training."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from secft.errors import InputError
from secft.records import Message


def render(tokenizer: Any, messages: Sequence[Message], *, generation_prompt: bool) -> str:
    """Render a conversation with the tokenizer's chat template."""
    turns = [dict(message) for message in messages]
    return str(tokenizer.apply_chat_template(turns, tokenize=False, add_generation_prompt=generation_prompt))


def continuation(tokenizer: Any, messages: Sequence[Message], context: str, answer: str) -> str:
    """Return what follows the context when the assistant gives an answer, up to the end of its turn.

    White space after the end-of-turn token is cut off: it is not trained, and a model stops before it.

    Raises:
        InputError: the template does not render a conversation as its prompt plus the answer.
    """
    whole = render(tokenizer, [*messages, Message(role="assistant", content=answer)], generation_prompt=False)
    if not whole.startswith(context):
        raise InputError(
            "the chat template renders a finished turn differently from a prompt, so an answer cannot be scored. "
            "Use a template whose generation prompt is a prefix of the answer's turn."
        )
    return whole[len(context) :].rstrip()


def encode_pair(tokenizer: Any, context: str, answer: str) -> tuple[list[int], list[int]]:
    """Tokenise context and continuation as one text, as training does, and cut where the answer begins.

    A token that straddles the border belongs to the context: training gives it no loss either.
    """
    encoded = tokenizer(context + answer, add_special_tokens=False, return_offsets_mapping=True)
    ids, offsets = list(encoded["input_ids"]), encoded["offset_mapping"]
    border = next((k for k, (start, end) in enumerate(offsets) if start >= len(context) and end > start), len(ids))
    return ids[:border], ids[border:]
