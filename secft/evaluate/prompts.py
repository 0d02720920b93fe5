"""From items to the exact text that a model sees: its own chat template, as in training.

A choice is scored as the whole turn that training would have taught: the choice and the end-of-turn token
after it. Without that token "Execution" could win over a longer answer that merely begins in the same way.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from secft.errors import InputError
from secft.evaluate.item import Item
from secft.files import digest
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


def prepare(tokenizer: Any, item: Item) -> dict[str, Any]:
    """Render one item as the row that lm-eval reads.

    Returns:
        ``context``; ``continuations`` with ``tokens`` (their lengths): one per choice, or the held-out answer, or
        none where the model writes the answer itself; and the item's own facts.
    """
    context = render(tokenizer, item.messages, generation_prompt=True)
    answers = item.choices or ((item.reference,) if item.reference else ())
    texts = [continuation(tokenizer, item.messages, context, answer) for answer in answers]
    return {
        "id": item.id,
        "entity": item.entity,
        "family": item.family,
        "question": item.messages[-1]["content"],
        "context": context,
        "choices": list(item.choices),
        "continuations": texts,
        "target": texts[0] if texts else "",
        "tokens": [len(encode_pair(tokenizer, context, text)[1]) for text in texts],
        "answer": item.answer,
        "reference": item.reference,
    }


def rows_digest(rows: Sequence[dict[str, Any]]) -> str:
    """Return the SHA-256 of what a task asks, as the model sees it."""
    return digest(list(rows))
