"""From items to the exact text that a model sees: its own chat template, as in training.

A choice is scored as the whole turn that training would have taught: the choice and the end-of-turn token
after it. Without that token "Execution" could win over a longer answer that merely begins in the same way.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from secft.chat.local.prompts import continuation, encode_pair, render
from secft.evaluate.item import Item
from secft.files import digest
from secft.records import Message, message_text


def prepare(tokenizer: Any, item: Item) -> dict[str, Any]:
    """Render one item as the row that lm-eval reads.

    Returns:
        ``context``; ``continuations`` with ``tokens`` (their lengths): one per choice, or the held-out answer, or
        none where the model writes the answer itself; and the item's own facts.
    """
    context = render(tokenizer, item.messages, item.tools, generation_prompt=True)
    answers: Sequence[str | Message] = item.choices or ((item.reference,) if item.reference else ())
    if item.calls:
        answers = [Message(role="assistant", content=item.reference, tool_calls=list(item.calls))]
    texts = [continuation(tokenizer, item.messages, context, answer, item.tools) for answer in answers]
    return {
        "id": item.id,
        "entity": item.entity,
        "family": item.family,
        "question": message_text(item.messages[-1]),
        "context": context,
        "choices": list(item.choices),
        "continuations": texts,
        "target": texts[0] if texts else "",
        "tokens": [len(encode_pair(tokenizer, context, text)[1]) for text in texts],
        "answer": item.answer,
        "reference": item.reference,
        **({"calls": list(item.calls)} if item.calls else {}),
    }


def rows_digest(rows: Sequence[dict[str, Any]]) -> str:
    """Return the SHA-256 of what a task asks, as the model sees it."""
    return digest(list(rows))
