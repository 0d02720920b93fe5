"""Chat messages to token ids and labels, with loss on the assistant's words only.

Works for any chat template: each conversation is rendered once in full and once
up to each assistant turn. Where every shorter rendering is a prefix of the full
one, the characters between "prompt with generation prompt" and "conversation
including the turn" are what the assistant says, end-of-turn token included.
Templates with ``{% generation %}`` blocks say it themselves.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from secft.errors import InputError

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerBase

IGNORED = -100
Message = Mapping[str, str]


@dataclass(frozen=True)
class TokenisedExample:
    """One conversation, ready for training.

    Attributes:
        id: the example's identifier in its file.
        input_ids: token ids of the whole conversation.
        labels: the same ids where the token is trained, -100 elsewhere; not shifted.
    """

    id: str
    input_ids: tuple[int, ...]
    labels: tuple[int, ...]

    @property
    def trained(self) -> int:
        """Number of tokens that carry loss (the first token never does: nothing predicts it)."""
        return sum(label != IGNORED for label in self.labels[1:])


def assistant_spans(
    tokenizer: PreTrainedTokenizerBase, messages: Sequence[Message]
) -> tuple[str, list[tuple[int, int]]]:
    """Render a conversation and find the characters that the assistant says.

    Args:
        tokenizer: with a chat template.
        messages: the conversation.

    Returns:
        The rendered text, and half-open character ranges in order.

    Raises:
        InputError: if the template does not render prefixes of a conversation to prefixes of the text.
    """
    full = _render(tokenizer, messages, generation_prompt=False)
    spans = []
    for index, message in enumerate(messages):
        if message["role"] != "assistant":
            continue
        before = _render(tokenizer, messages[:index], generation_prompt=True)
        after = _render(tokenizer, messages[: index + 1], generation_prompt=False)
        if not (full.startswith(after) and after.startswith(before)):
            raise InputError(
                "the chat template renders a conversation differently once it goes on, so it cannot be told which "
                f"tokens the assistant says (message {index}). Use a template with {{% generation %}} blocks, or "
                "single-turn examples."
            )
        spans.append((len(before), len(before) + len(after[len(before) :].rstrip())))
    return full, spans


def tokenise_example(
    tokenizer: PreTrainedTokenizerBase, example_id: str, messages: Sequence[Message]
) -> TokenisedExample:
    """Turn one conversation into token ids and labels.

    White space that the template puts after the end-of-turn token (ChatML's
    newline) is not trained: generation stops before it.

    Args:
        tokenizer: fast tokenizer with a chat template.
        example_id: identifier, for messages.
        messages: the conversation.

    Raises:
        InputError: if the assistant's tokens cannot be determined.
    """
    if "{% generation" in (tokenizer.get_chat_template() or ""):
        return _by_generation_blocks(tokenizer, example_id, messages)
    text, spans = assistant_spans(tokenizer, messages)
    encoded = tokenizer(text, add_special_tokens=False, return_offsets_mapping=True)
    ids: list[int] = list(encoded["input_ids"])
    labels = [
        token if any(start < end and start >= low and end <= high for low, high in spans) else IGNORED
        for token, (start, end) in zip(ids, encoded["offset_mapping"], strict=True)
    ]
    return TokenisedExample(example_id, tuple(ids), tuple(labels))


def truncate(example: TokenisedExample, max_length: int) -> TokenisedExample:
    """Cut an example to its first ``max_length`` tokens."""
    return TokenisedExample(example.id, example.input_ids[:max_length], example.labels[:max_length])


def decode_trained(tokenizer: PreTrainedTokenizerBase, example: TokenisedExample) -> list[tuple[str, bool]]:
    """Split the rendered conversation into segments.

    Returns:
        (text, is trained) pairs whose texts, joined, decode the example.
    """
    segments: list[tuple[list[int], bool]] = []
    for token, label in zip(example.input_ids, example.labels, strict=True):
        trained = label != IGNORED
        if not segments or segments[-1][1] != trained:
            segments.append(([], trained))
        segments[-1][0].append(token)
    return [(str(tokenizer.decode(ids, clean_up_tokenization_spaces=False)), flag) for ids, flag in segments]


def end_of_turn_ids(tokenizer: PreTrainedTokenizerBase) -> frozenset[int]:
    """Find the token that closes an assistant turn by rendering a short conversation.

    Raises:
        InputError: if the template closes the turn with no special token.
    """
    probe = [{"role": "user", "content": "a"}, {"role": "assistant", "content": "b"}]
    example = tokenise_example(tokenizer, "probe", probe)
    trained = [label for label in example.labels if label != IGNORED]
    special = set(tokenizer.all_special_ids)
    closing = [token for token in trained if token in special]
    if not closing:
        raise InputError(
            "the chat template ends the assistant's turn without a trained special token, so the model would never "
            "learn to stop"
        )
    return frozenset(closing[-1:])


def check_examples(
    tokenizer: PreTrainedTokenizerBase, examples: Sequence[TokenisedExample], *, allow_truncated: bool = False
) -> None:
    """Refuse examples whose loss mask cannot be right.

    Args:
        tokenizer: used to find the end-of-turn token.
        examples: tokenised conversations.
        allow_truncated: accept examples that lost their end of turn because they were cut.

    Raises:
        InputError: with the number of examples, and the first five ids, of each kind of problem: no trained
            token, every token trained, end of turn not trained.
    """
    closing = end_of_turn_ids(tokenizer)
    problems: dict[str, list[str]] = {}
    for example in examples:
        trained = [label for label in example.labels if label != IGNORED]
        if example.trained == 0:
            problems.setdefault("no trained token", []).append(example.id)
        elif len(trained) == len(example.labels):
            problems.setdefault("every token trained", []).append(example.id)
        elif not allow_truncated and trained[-1] not in closing:
            problems.setdefault("end of turn not trained", []).append(example.id)
    if problems:
        parts = [f"{len(ids)} with {what} (first: {', '.join(ids[:5])})" for what, ids in problems.items()]
        raise InputError(f"of {len(examples)} examples, " + "; ".join(parts))


def _render(tokenizer: PreTrainedTokenizerBase, messages: Sequence[Message], *, generation_prompt: bool) -> str:
    if not messages:
        raise InputError("a conversation cannot begin with the assistant")
    conversation = [dict(message) for message in messages]
    try:
        text = tokenizer.apply_chat_template(conversation, tokenize=False, add_generation_prompt=generation_prompt)
    except Exception as error:  # jinja2 errors of the template's own raise_exception() arrive in several types
        raise InputError(f"the chat template refuses the conversation: {error}") from error
    return str(text)


def _by_generation_blocks(
    tokenizer: PreTrainedTokenizerBase, example_id: str, messages: Sequence[Message]
) -> TokenisedExample:
    encoded: Any = tokenizer.apply_chat_template(
        [dict(message) for message in messages], return_dict=True, return_assistant_tokens_mask=True
    )
    ids = list(encoded["input_ids"])
    labels = [token if flag else IGNORED for token, flag in zip(ids, encoded["assistant_masks"], strict=True)]
    return TokenisedExample(example_id, tuple(ids), tuple(labels))
