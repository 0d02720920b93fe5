"""Ends of turns, of texts, and padding, of tokenizers like those of the usual families."""

from __future__ import annotations

import copy
from typing import Any

import pytest

from secft.models.conversation import render_conversation
from secft.models.turns import begin_id, end_of_text_id, ensure_padding, special_ids, without_tail
from secft.records import Message
from secft.train.template import (
    check_examples,
    decode_trained,
    end_of_turn_ids,
    tokenise_conversation,
)
from tests.matrix.tiny_models import FAMILIES, family_tokenizer

TALK: list[Message] = [
    {"role": "user", "content": "What is CWE-79?"},
    {"role": "assistant", "content": "Cross-site scripting."},
    {"role": "user", "content": "And CWE-89?"},
    {"role": "assistant", "content": "SQL injection."},
]
ENDS = {
    "llama31": "<|eot_id|>", "llama32": "<|eot_id|>", "qwen25": "<|im_end|>", "qwen3": "<|im_end|>",
    "gemma2": "<end_of_turn>", "gemma3": "<end_of_turn>", "phi3": "<|end|>", "mistral03": "</s>", "mixtral": "</s>",
    "granite": "<|end_of_text|>",
}  # fmt: skip


def trained(tokenizer: Any, messages: list[Message]) -> list[str]:
    rows = tokenise_conversation(tokenizer, "x", messages)
    check_examples(tokenizer, rows)
    return [text for row in rows for text, learned in decode_trained(tokenizer, row) if learned]


@pytest.mark.parametrize("name", FAMILIES)
def test_every_turn_is_learned_once_with_its_end(name: str) -> None:
    tokenizer, end = family_tokenizer(name), ENDS[name]
    assert end_of_turn_ids(tokenizer) == {tokenizer.convert_tokens_to_ids(end)}
    empty = "<think>\n\n</think>\n\n" if name == "qwen3" else ""
    expected = [f"{empty}Cross-site scripting.{end}", f"{empty}SQL injection.{end}"]
    assert [text.strip() for text in trained(tokenizer, TALK)] == expected
    assert [text.strip() for text in trained(tokenizer, TALK[:2])] == expected[:1]


def test_several_turns_are_one_row_where_only_the_last_is_followed_by_an_end_of_text() -> None:
    tokenizer = family_tokenizer("phi3")
    (row,) = tokenise_conversation(tokenizer, "x", TALK)
    assert sum(label == tokenizer.convert_tokens_to_ids("<|end|>") for label in row.labels) == 2
    assert tokenizer.eos_token_id not in row.labels
    assert without_tail(tokenizer, render_conversation(tokenizer, TALK)).endswith("injection.<|end|>")


@pytest.mark.parametrize(
    "block",
    [
        "{% generation %}{{ m.content }}<|im_end|>{% endgeneration %}{{ '\n' }}",
        "{%- generation %}{{- m.content + '<|im_end|>\n' }}{%- endgeneration %}",
        "{%- generation -%}{{ m.content + '<|im_end|>\n' }}{%- endgeneration -%}",
        "{%+ generation %}{{ m.content }}<|im_end|>{%+ endgeneration %}{{ '\n' }}",
    ],
)
def test_blocks_that_mark_what_is_learned_end_with_the_turn(block: str) -> None:
    tokenizer = copy.deepcopy(family_tokenizer("qwen25"))
    tokenizer.chat_template = (
        "{%- for m in messages %}{{- '<|im_start|>' + m.role + '\n' }}{%- if m.role == 'assistant' %}" + block
        + "{%- else %}{{- m.content + '<|im_end|>\n' }}{%- endif %}{%- endfor %}"
        "{%- if add_generation_prompt %}{{- '<|im_start|>assistant\n' }}{%- endif %}"
    )  # fmt: skip
    assert trained(tokenizer, TALK) == ["Cross-site scripting.<|im_end|>", "SQL injection.<|im_end|>"]
    weighed: list[Message] = [TALK[0], {**TALK[1], "weight": 0}, *TALK[2:]]  # type: ignore[list-item, misc]
    assert trained(tokenizer, weighed) == ["SQL injection.<|im_end|>"]


def test_a_marked_token_without_a_name_is_special() -> None:
    tokenizer = family_tokenizer("gemma3")
    assert tokenizer.convert_tokens_to_ids("<end_of_turn>") in special_ids(tokenizer)
    qwen = family_tokenizer("qwen3")
    assert qwen.convert_tokens_to_ids("<think>") not in special_ids(qwen)


@pytest.mark.parametrize(
    ("name", "first", "last"),
    [
        ("gemma2", "<bos>", "<eos>"), ("llama31", "<|begin_of_text|>", "<|end_of_text|>"), ("mistral03", "<s>", "</s>"),
        ("qwen25", None, "<|endoftext|>"), ("granite", None, "<|end_of_text|>"),
    ],
)  # fmt: skip
def test_texts_begin_and_end_as_in_pretraining(name: str, first: str | None, last: str) -> None:
    tokenizer = family_tokenizer(name)
    assert begin_id(tokenizer) == (None if first is None else tokenizer.convert_tokens_to_ids(first))
    assert end_of_text_id(tokenizer) == tokenizer.convert_tokens_to_ids(last)


@pytest.mark.parametrize(("name", "pad"), [("llama31", "<|finetune_right_pad_id|>"), ("mistral03", "<unk>")])
def test_a_tokenizer_without_padding_gets_a_token_that_no_answer_needs(name: str, pad: str) -> None:
    tokenizer = copy.deepcopy(family_tokenizer(name))
    assert tokenizer.pad_token is None
    assert ensure_padding(tokenizer).pad_token == pad
    kept = family_tokenizer("gemma2")
    assert ensure_padding(kept).pad_token == "<pad>"


def test_what_a_prompt_says_of_no_thought_is_not_learned() -> None:
    from secft.models.chat_template import TemplateChoice, adapt_template

    tokenizer = copy.deepcopy(family_tokenizer("qwen3"))
    tokenizer.chat_template = adapt_template(tokenizer.chat_template, TemplateChoice()).text
    assert trained(tokenizer, TALK) == ["Cross-site scripting.<|im_end|>", "SQL injection.<|im_end|>"]
    thought: Message = {"role": "assistant", "content": "SQL injection.", "reasoning_content": "Input reaches SQL."}
    learned = trained(tokenizer, [*TALK[:3], thought])
    assert learned[-1] == "<think>\nInput reaches SQL.\n</think>\n\nSQL injection.<|im_end|>"
