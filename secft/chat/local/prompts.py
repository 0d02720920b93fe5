"""From conversations to the exact text that a model sees: its own chat template, as in training."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from secft.errors import InputError
from secft.models.conversation import THOUGHT_ENDS, render_conversation
from secft.models.turns import without_tail
from secft.records import Message

Tools = Sequence[dict[str, Any]]


def render(tokenizer: Any, messages: Sequence[Message], tools: Tools = (), *, generation_prompt: bool) -> str:
    """Render a conversation as training does."""
    return render_conversation(tokenizer, messages, tools, generation_prompt=generation_prompt)


def continuation(
    tokenizer: Any, messages: Sequence[Message], context: str, answer: str | Message, tools: Tools = ()
) -> str:
    """Return what follows the context when the assistant gives an answer, up to the end of its turn.

    White space after the end-of-turn token is cut off: it is not trained, and a model stops before it.

    Raises:
        InputError: the template does not render a conversation as its prompt plus the answer.
    """
    said = Message(role="assistant", content=answer) if isinstance(answer, str) else answer
    whole = render(tokenizer, [*messages, said], tools, generation_prompt=False)
    if not whole.startswith(context) and THOUGHT_ENDS in said["content"]:
        # The question is asked without thinking: what is scored is the answer.
        return continuation(tokenizer, messages, context, said["content"].rpartition(THOUGHT_ENDS)[2].strip(), tools)
    if not whole.startswith(context):
        raise InputError(
            "the chat template renders a finished turn differently from a prompt, so an answer cannot be scored. "
            "Use a template whose generation prompt is a prefix of the answer's turn."
        )
    return without_tail(tokenizer, whole)[len(context) :]


def encode_pair(tokenizer: Any, context: str, answer: str) -> tuple[list[int], list[int]]:
    """Tokenise context and continuation as one text, as training does, and cut where the answer begins.

    A token that straddles the border belongs to the context: training gives it no loss either.
    """
    encoded = tokenizer(context + answer, add_special_tokens=False, return_offsets_mapping=True)
    ids, offsets = list(encoded["input_ids"]), encoded["offset_mapping"]
    border = next((k for k, (start, end) in enumerate(offsets) if start >= len(context) and end > start), len(ids))
    return ids[:border], ids[border:]
