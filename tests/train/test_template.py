from __future__ import annotations

import copy
from typing import Any

import pytest

from secft.errors import InputError
from secft.train.template import (
    IGNORED,
    TokenisedExample,
    check_examples,
    decode_trained,
    end_of_turn_ids,
    tokenise_example,
    truncate,
)

# The libraries deprecate things among themselves; what they warn about is not ours to fix here.
pytestmark = pytest.mark.filterwarnings("ignore::FutureWarning", "ignore::UserWarning")
TWO_TURNS = [
    {"role": "system", "content": "Be brief."},
    {"role": "user", "content": "What is CWE-79?"},
    {"role": "assistant", "content": "Cross-site scripting."},
    {"role": "user", "content": "And CWE-89?"},
    {"role": "assistant", "content": "SQL injection."},
]


def trained_text(tokenizer: Any, example: TokenisedExample) -> list[str]:
    return [text for text, trained in decode_trained(tokenizer, example) if trained]


def test_only_answers_and_their_end_of_turn_are_trained(tokenizer: Any) -> None:
    example = tokenise_example(tokenizer, "x", TWO_TURNS)
    assert trained_text(tokenizer, example) == ["Cross-site scripting.<|im_end|>", "SQL injection.<|im_end|>"]


def test_segments_join_to_the_rendered_conversation(tokenizer: Any) -> None:
    example = tokenise_example(tokenizer, "x", TWO_TURNS)
    rendered = tokenizer.apply_chat_template(TWO_TURNS, tokenize=False)
    assert "".join(text for text, _ in decode_trained(tokenizer, example)) == rendered


def test_ids_equal_the_templates_own(tokenizer: Any) -> None:
    example = tokenise_example(tokenizer, "x", TWO_TURNS)
    assert list(example.input_ids) == tokenizer.apply_chat_template(TWO_TURNS, return_dict=True)["input_ids"]


def test_generation_blocks_are_used_when_the_template_has_them(tokenizer: Any) -> None:
    marked = copy.deepcopy(tokenizer)
    marked.chat_template = (
        "{% for m in messages %}<|im_start|>{{ m.role }}\n{% if m.role == 'assistant' %}"
        "{% generation %}{{ m.content }}<|im_end|>{% endgeneration %}{% else %}{{ m.content }}<|im_end|>{% endif %}\n"
        "{% endfor %}{% if add_generation_prompt %}<|im_start|>assistant\n{% endif %}"
    )
    example = tokenise_example(marked, "x", TWO_TURNS)
    assert trained_text(marked, example) == ["Cross-site scripting.<|im_end|>", "SQL injection.<|im_end|>"]


def test_a_template_that_rewrites_history_is_refused(tokenizer: Any) -> None:
    forgetful = copy.deepcopy(tokenizer)
    forgetful.chat_template = (
        "{% for m in messages %}{% if loop.last or m.role != 'assistant' %}"
        "<|im_start|>{{ m.role }}\n{{ m.content }}<|im_end|>\n{% endif %}{% endfor %}"
        "{% if add_generation_prompt %}<|im_start|>assistant\n{% endif %}"
    )
    with pytest.raises(InputError, match="cannot be told which"):
        tokenise_example(forgetful, "x", TWO_TURNS)


def test_a_template_without_end_of_turn_is_refused(tokenizer: Any) -> None:
    endless = copy.deepcopy(tokenizer)
    endless.chat_template = "{% for m in messages %}{{ m.role }}: {{ m.content }}\n{% endfor %}" + (
        "{% if add_generation_prompt %}assistant:{% endif %}"
    )
    with pytest.raises(InputError, match="never learn to stop"):
        end_of_turn_ids(endless)


def test_check_names_every_kind_of_bad_mask(tokenizer: Any) -> None:
    good = tokenise_example(tokenizer, "good", TWO_TURNS)
    untrained = TokenisedExample("none", good.input_ids, (IGNORED,) * len(good.labels))
    everything = TokenisedExample("all", good.input_ids, good.input_ids)
    with pytest.raises(InputError, match=r"no trained token \(first: none\).*every token trained.*end of turn"):
        check_examples(tokenizer, [good, untrained, everything, truncate(good, len(good.input_ids) - 4)])


def test_a_conversation_without_answer_has_no_trained_token(tokenizer: Any) -> None:
    assert tokenise_example(tokenizer, "x", TWO_TURNS[:2]).trained == 0
