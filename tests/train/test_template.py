from __future__ import annotations

import copy
import importlib.util
import json
from pathlib import Path
from typing import Any

import pytest

from secft.errors import InputError
from secft.models.conversation import prepare_conversation, skills_of
from secft.records import Message, tool_call
from secft.train.template import (
    IGNORED,
    TokenisedExample,
    check_examples,
    decode_trained,
    end_of_turn_ids,
    tokenise_conversation,
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


def test_a_template_that_rewrites_history_gives_a_row_for_each_turn(tokenizer: Any) -> None:
    forgetful = copy.deepcopy(tokenizer)
    forgetful.chat_template = (
        "{% for m in messages %}{% if loop.last or m.role != 'assistant' %}"
        "<|im_start|>{{ m.role }}\n{{ m.content }}<|im_end|>\n{% endif %}{% endfor %}"
        "{% if add_generation_prompt %}<|im_start|>assistant\n{% endif %}"
    )
    rows = tokenise_conversation(forgetful, "x", TWO_TURNS)
    assert [row.id for row in rows] == ["x@2", "x"]
    assert [trained_text(forgetful, row) for row in rows] == [
        ["Cross-site scripting.<|im_end|>"], ["SQL injection.<|im_end|>"],
    ]  # fmt: skip


def test_a_template_whose_prompt_is_no_beginning_is_refused(tokenizer: Any) -> None:
    other = copy.deepcopy(tokenizer)
    other.chat_template = (
        "{% for m in messages %}<|im_start|>{{ m.role }}\n{{ m.content }}<|im_end|>\n{% endfor %}"
        "{% if add_generation_prompt %}<|im_start|>assistant\n<think>\n{% endif %}"
    )
    with pytest.raises(InputError, match="cannot be told which"):
        tokenise_example(other, "x", TWO_TURNS)


CALL = tool_call("nmap", {"host": "lab"}, "c1")
TOOL = {"type": "function", "function": {"name": "nmap", "description": "Scan.", "parameters": {"type": "object"}}}
RUN: list[Message] = [
    {"role": "user", "content": "Scan it."},
    {"role": "assistant", "content": "I look.", "tool_calls": [CALL]},
    {"role": "tool", "content": "22 open", "name": "nmap", "tool_call_id": "c1"},
    {"role": "assistant", "content": "SSH is open."},
]


def test_a_template_without_tools_gets_calls_as_text(tokenizer: Any) -> None:
    assert not skills_of(tokenizer).tools
    (row,) = tokenise_conversation(tokenizer, "x", RUN, [TOOL])
    assert trained_text(tokenizer, row) == [
        'I look.\n<tool_call>{"name": "nmap", "arguments": {"host": "lab"}}</tool_call><|im_end|>',
        "SSH is open.<|im_end|>",
    ]
    text = "".join(part for part, _ in decode_trained(tokenizer, row))
    assert "<|im_start|>user\n<tool_response>\n22 open\n</tool_response><|im_end|>" in text
    assert '<tools>\n{"name": "nmap", "description": "Scan."' in text
    assert prepare_conversation(tokenizer, RUN, [TOOL]).plain


def test_turns_of_weight_zero_are_not_learned(tokenizer: Any) -> None:
    quiet: list[Message] = [{**message, "weight": 0} if "tool_calls" in message else message for message in RUN]  # type: ignore[misc]
    (row,) = tokenise_conversation(tokenizer, "x", quiet)
    assert trained_text(tokenizer, row) == ["SSH is open.<|im_end|>"]
    marked = copy.deepcopy(tokenizer)
    marked.chat_template = (
        "{%- for m in messages %}<|im_start|>{{ m.role }}\n{%- if m.role == 'assistant' %}"
        "{%- generation %}{{ m.content }}<|im_end|>{%- endgeneration %}{%- else %}{{ m.content }}<|im_end|>{%- endif %}"
        "{%- endfor %}{%- if add_generation_prompt %}<|im_start|>assistant\n{%- endif %}"
    )
    turns = [{**message, "weight": 0} if index == 2 else message for index, message in enumerate(TWO_TURNS)]
    (row,) = tokenise_conversation(marked, "x", turns)
    assert trained_text(marked, row) == ["SQL injection.<|im_end|>"]


def test_reasoning_that_a_template_does_not_know_stands_before_the_answer(tokenizer: Any) -> None:
    turns = [RUN[0], {**RUN[3], "reasoning_content": "Port 22."}]
    (row,) = tokenise_conversation(tokenizer, "x", turns)
    assert trained_text(tokenizer, row) == ["<think>\nPort 22.\n</think>\n\nSSH is open.<|im_end|>"]


@pytest.fixture(scope="module")
def qwen3(shared_cases: Path) -> Any:
    from transformers import AutoTokenizer

    return AutoTokenizer.from_pretrained(str(shared_cases / "training" / "03-qwen3-multi-turn"))


def test_turns_whose_reasoning_is_left_out_later_are_learned_in_rows_of_their_own(
    qwen3: Any, shared_cases: Path
) -> None:
    path = shared_cases / "training" / "03-qwen3-multi-turn" / "multi.jsonl"
    for line in path.read_text().splitlines():
        messages = json.loads(line)["messages"]
        answers = [message["content"] for message in messages if message["role"] == "assistant"]
        rows = tokenise_conversation(qwen3, "x", messages)
        check_examples(qwen3, rows)
        assert [trained_text(qwen3, row) for row in rows] == [
            [f"<think>\n\n</think>\n\n{answer}<|im_end|>"] for answer in answers
        ]


def test_calls_are_learned_as_the_template_writes_them(qwen3: Any) -> None:
    assert skills_of(qwen3).tools
    rows = tokenise_conversation(qwen3, "x", RUN, [TOOL])
    learned = "".join(text for row in rows for text in trained_text(qwen3, row))
    assert '<tool_call>\n{"name": "nmap", "arguments": {"host": "lab"}}\n</tool_call><|im_end|>' in learned
    assert "22 open" not in learned
    assert learned.count("SSH is open.") == 1


@pytest.mark.parametrize("name", ["llama3_1", "qwen2_5", "glm4moe", "gemma3", "qwen2_5_training", "phi3"])
def test_runs_are_learned_with_the_templates_of_other_models(qwen3: Any, name: str) -> None:
    path = Path(importlib.util.find_spec("trl").origin).parent / "chat_templates" / f"{name}.jinja"  # type: ignore
    other = copy.deepcopy(qwen3)
    other.chat_template = path.read_text()
    rows = tokenise_conversation(other, "x", RUN, [TOOL])
    learned = "".join(text for row in rows for text in trained_text(other, row))
    assert "22 open" not in learned
    assert "Scan it." not in learned
    assert "SSH is open." in learned
    assert "nmap" in learned


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
