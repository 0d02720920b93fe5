"""Chat messages to token ids and labels, with loss on the assistant's words only.

Works for any chat template: each conversation is rendered up to each assistant turn, with the generation prompt before
it and with the turn itself. What the second adds to the first is what the assistant says, end-of-turn token included:
exactly what a model is asked to write at that place. Where a longer rendering begins with the shorter ones, one row of
tokens holds all turns. Templates that render a turn differently once the conversation goes on (Qwen3 leaves out earlier
reasoning) give a row of tokens for each such turn, which ends with it. Templates with ``{% generation %}`` blocks say
themselves what is learned. Turns of weight 0, the user's, and results of tools are never learned.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from secft.errors import InputError
from secft.models.chat_template import told_the_date
from secft.models.conversation import (
    THOUGHT_ENDS,
    Rendering,
    prepare_conversation,
    render_prepared,
    skills_of,
)
from secft.models.turns import ends_turns, special_ids, without_tail
from secft.records import tool_call

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerBase

IGNORED = -100
Message = Any
"""A message of a row, see secft.records.Message; rows that others wrote need not be typed."""
Tool = dict[str, Any]
_GENERATION = re.compile(r"\{%[-+]?\s*generation\b")


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


def answer_span(
    tokenizer: PreTrainedTokenizerBase, messages: Sequence[Message], tools: Sequence[Tool] = ()
) -> tuple[str, tuple[int, int]]:
    """Render a conversation and find the characters of its last turn, the assistant's.

    Returns:
        The rendered text, and a half-open range.

    Raises:
        InputError: the template refuses the conversation, or renders a prompt differently once it is answered.
    """
    ready = prepare_conversation(tokenizer, messages, tools)
    text, spans = _spans(tokenizer, ready, [len(ready.messages) - 1])
    return text, spans[0][1]


def tokenise_conversation(
    tokenizer: PreTrainedTokenizerBase, example_id: str, messages: Sequence[Message], tools: Sequence[Tool] = ()
) -> list[TokenisedExample]:
    """Turn one conversation into rows of token ids and labels.

    White space that the template puts after the end-of-turn token (ChatML's
    newline) is not trained: generation stops before it.

    Args:
        tokenizer: fast tokenizer with a chat template.
        example_id: identifier, for messages.
        messages: the conversation.
        tools: what is offered in it, as JSON schemas.

    Returns:
        One row, or several where the template renders turns differently once the conversation goes on; each turn is
        learned once.

    Raises:
        InputError: if the assistant's tokens cannot be determined.
    """
    ready = prepare_conversation(tokenizer, messages, tools)
    if _GENERATION.search(tokenizer.get_chat_template() or ""):
        return [_by_generation_blocks(tokenizer, example_id, ready)]
    waiting = [index for index, learned in enumerate(ready.learned) if learned]
    if not waiting:
        return [_tokenised(tokenizer, example_id, _render(tokenizer, ready, len(ready.messages)), [])]
    rows: list[TokenisedExample] = []
    while waiting:
        text, spans = _spans(tokenizer, ready, waiting)
        name = example_id if not rows else f"{example_id}@{waiting[-1]}"
        rows.append(_tokenised(tokenizer, name, text, [span for _, span in spans]))
        found = {index for index, _ in spans}
        waiting = [index for index in waiting if index not in found]
    return rows[::-1]


def tokenise_example(
    tokenizer: PreTrainedTokenizerBase, example_id: str, messages: Sequence[Message], tools: Sequence[Tool] = ()
) -> TokenisedExample:
    """Turn a conversation that is one row into token ids and labels; of several rows, return the last.

    Raises:
        InputError: if the assistant's tokens cannot be determined.
    """
    return tokenise_conversation(tokenizer, example_id, messages, tools)[-1]


def _spans(
    tokenizer: PreTrainedTokenizerBase, ready: Rendering, turns: Sequence[int]
) -> tuple[str, list[tuple[int, tuple[int, int]]]]:
    """Render a conversation up to the last of some turns, and find those whose rendering is the beginning of it.

    Returns:
        The text; (turn, half-open range of characters), the last turn always among them.
    """
    text = _render(tokenizer, ready, turns[-1] + 1)
    _check_nothing_lost(text, ready, turns[-1])
    found = []
    for index in turns:
        before = _render(tokenizer, ready, index, generation_prompt=True)
        after = without_tail(tokenizer, text if index == turns[-1] else _render(tokenizer, ready, index + 1))
        if text.startswith(after) and after.startswith(before):
            found.append((index, (len(before), len(after))))
        elif index == turns[-1]:
            raise InputError(
                "the chat template renders a prompt differently once it is answered, so it cannot be told which "
                f"tokens the assistant says (message {index}). Use a template with {{% generation %}} blocks, or one "
                "whose generation prompt is the beginning of an answer."
            )
    return text, found


def _check_nothing_lost(text: str, ready: Rendering, answered: int) -> None:
    """Refuse a rendering that lacks what was asked.

    Raises:
        InputError: with the role of the message, and what to do.
    """
    for message in ready.messages[:answered]:
        content = message.get("content")
        if message["role"] not in ("system", "user") or not isinstance(content, str) or content.strip() in text:
            continue
        if message["role"] == "system":
            raise InputError(
                "the chat template drops the system message once its question is answered, so the model would be "
                "trained without it and asked with it. Use model.system=question, which puts it into the first "
                "question, or leave it out (curation)"
            )
        raise InputError(f"the chat template leaves out what the user says ({content.strip()[:40]!r})")


def _tokenised(
    tokenizer: PreTrainedTokenizerBase, name: str, text: str, spans: Sequence[tuple[int, int]]
) -> TokenisedExample:
    encoded = tokenizer(text, add_special_tokens=False, return_offsets_mapping=True)
    ids: list[int] = list(encoded["input_ids"])
    labels = [
        token if any(start < end and start >= low and end <= high for low, high in spans) else IGNORED
        for token, (start, end) in zip(ids, encoded["offset_mapping"], strict=True)
    ]
    return TokenisedExample(name, tuple(ids), tuple(labels))


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
    special = special_ids(tokenizer)
    closing = [token for token in trained if token in special]
    if trained and trained[-1] in ends_turns(tokenizer):
        closing.append(trained[-1])
    if not closing:
        raise InputError(
            "the chat template ends the assistant's turn without a trained special token, so the model would never "
            "learn to stop"
        )
    return frozenset(closing[-1:])


def closing_ids(tokenizer: PreTrainedTokenizerBase) -> frozenset[int]:
    """Find the tokens that close a turn of the assistant: an answer, or a call of a tool, which may end differently.

    Raises:
        InputError: see end_of_turn_ids.
    """
    found = end_of_turn_ids(tokenizer)
    if not skills_of(tokenizer).tools:
        return found
    probe = [{"role": "user", "content": "a"}, {"role": "assistant", "content": "", "tool_calls": [tool_call("b", {})]}]
    try:
        labels = tokenise_conversation(tokenizer, "probe", probe)[-1].labels
    except InputError:
        return found  # told of the rows that end so
    trained = [label for label in labels if label != IGNORED]
    return found | ({trained[-1]} & ends_turns(tokenizer)) if trained else found


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
    closing = closing_ids(tokenizer)
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


def _render(
    tokenizer: PreTrainedTokenizerBase, ready: Rendering, length: int, *, generation_prompt: bool = False
) -> str:
    """Render the first ``length`` messages."""
    if not length:
        raise InputError("a conversation cannot begin with the assistant")
    return render_prepared(tokenizer, ready, length, generation_prompt=generation_prompt)


def _by_generation_blocks(tokenizer: PreTrainedTokenizerBase, name: str, ready: Rendering) -> TokenisedExample:
    """Take the mask of the template, without the turns that are not to be learned.

    A block may also hold what stands behind the end of its turn, and what the prompt says: neither is learned.
    """
    from transformers.utils.chat_template_utils import render_jinja_template

    more = {"tools": ready.tools} if ready.tools else {}
    try:
        texts, found = render_jinja_template(
            [[dict(message) for message in ready.messages]],
            chat_template=told_the_date(tokenizer.get_chat_template()),
            return_assistant_tokens_mask=True,
            **{**tokenizer.special_tokens_map, **more, **ready.variables},
        )
    except Exception as error:  # jinja2 errors of the template's own raise_exception() arrive in several types
        raise InputError(f"the chat template refuses the conversation: {error}") from error
    text, blocks = str(texts[0]), list(found[0])
    turns = [index for index, message in enumerate(ready.messages) if message["role"] == "assistant"]
    if len(blocks) != len(turns):
        if not all(ready.answers):
            raise InputError("the chat template's {% generation %} blocks are not one for each turn of the assistant")
        everything = sum(end - begin for begin, end in blocks) >= len(text.strip())  # told of the row
        spans = blocks if everything else [_trimmed(tokenizer, text, *block) for block in blocks]
        return _tokenised(tokenizer, name, text, spans)
    _check_nothing_lost(text, ready, len(ready.messages))
    learned = [(turn, block) for turn, block in zip(turns, blocks, strict=True) if ready.learned[turn]]
    spans = [
        _trimmed(tokenizer, text, _asked(tokenizer, ready, text, turn, *block), block[1]) for turn, block in learned
    ]
    return _tokenised(tokenizer, name, text, spans)


def _asked(tokenizer: PreTrainedTokenizerBase, ready: Rendering, text: str, turn: int, begin: int, end: int) -> int:
    """Return where the words of a block begin: what the prompt for it says already (no thinking) is not learned."""
    if THOUGHT_ENDS not in text[begin:end] or not turn:
        return begin
    before = _render(tokenizer, ready, turn, generation_prompt=True)
    return len(before) if text.startswith(before) and begin < len(before) <= end else begin


def _trimmed(tokenizer: PreTrainedTokenizerBase, text: str, begin: int, end: int) -> tuple[int, int]:
    """Return the span of a block up to the end of its turn."""
    return begin, begin + len(without_tail(tokenizer, text[begin:end]))
