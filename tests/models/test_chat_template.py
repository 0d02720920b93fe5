"""What a chat template is changed for, and that nothing else changes."""

from __future__ import annotations

import copy
from pathlib import Path
from typing import Any

import pytest

from secft.errors import InputError
from secft.models.chat_template import TemplateChoice, adapt_template
from secft.models.template_probe import template_traits
from tests.matrix.tiny_models import ALTERNATING, DATED, MISTRAL_TEMPLATE

TALK = [
    {"role": "user", "content": "What is CWE-79?"},
    {"role": "assistant", "content": "Cross-site scripting."},
    {"role": "user", "content": "And CWE-89?"},
    {"role": "assistant", "content": "SQL injection."},
]
SYSTEM = {"role": "system", "content": "Be brief."}


def official(name: str) -> str:
    trl = pytest.importorskip("trl")
    text: str = (Path(trl.__file__).parent / "chat_templates" / f"{name}.jinja").read_text(encoding="utf-8")
    return text


def rendered(text: str, messages: list[dict[str, Any]], **more: Any) -> str:
    from transformers.utils.chat_template_utils import render_jinja_template

    texts, _ = render_jinja_template(
        [copy.deepcopy(messages)], chat_template=text, bos_token="<s>", eos_token="</s>", **more
    )
    return str(texts[0])


@pytest.mark.parametrize("name", ["llama3_1", "qwen2_5", "gemma3", "phi3", "qwen3_instruct_2507", "cohere2"])
def test_a_template_that_works_is_left_alone(name: str) -> None:
    text = official(name)
    assert adapt_template(text, TemplateChoice()).text == text


@pytest.mark.parametrize(("text", "told"), [("llama3_2", "26 Jul 2024"), (DATED, "July 26, 2024")])
def test_a_template_that_reads_the_clock_is_told_one_day(text: str, told: str, monkeypatch: pytest.MonkeyPatch) -> None:
    import datetime

    import transformers.utils.chat_template_utils as library

    class Later(datetime.datetime):
        @classmethod
        def now(cls, *_: Any) -> Later:
            return cls(2031, 5, 6)

    pinned = adapt_template(text if "{" in text else official(text), TemplateChoice())
    assert told in rendered(pinned.text, TALK)
    if hasattr(library, "datetime"):
        monkeypatch.setattr(library, "datetime", Later)
    assert told in rendered(pinned.text + "{# compiled anew #}", TALK)
    assert any("clock" in note for note in pinned.notes)
    other = adapt_template(text if "{" in text else official(text), TemplateChoice(date="2025-02-03"))
    assert "2025" in rendered(other.text, TALK)


def test_rows_are_the_same_on_every_day_even_by_a_template_as_it_came(monkeypatch: pytest.MonkeyPatch) -> None:
    import datetime

    import transformers.utils.chat_template_utils as library

    from secft.train.template import tokenise_example
    from tests.matrix.tiny_models import family_tokenizer

    class Later(datetime.datetime):
        @classmethod
        def now(cls, *_: Any) -> Later:
            return cls(2031, 5, 6)

    tokenizer = family_tokenizer("llama32")
    today = tokenise_example(tokenizer, "x", TALK)
    monkeypatch.setattr(library, "datetime", Later)
    library._compile_jinja_template.cache_clear()
    assert "2031" in tokenizer.apply_chat_template(TALK, tokenize=False)
    assert tokenise_example(tokenizer, "x", TALK) == today
    library._compile_jinja_template.cache_clear()


def test_a_day_that_is_none_is_an_error() -> None:
    with pytest.raises(InputError, match="template_date"):
        adapt_template(official("llama3_2"), TemplateChoice(date="yesterday"))


@pytest.mark.parametrize("text", ["gemma", ALTERNATING])
def test_a_refused_system_message_stands_before_the_first_question(text: str) -> None:
    own = text if "{" in text else official(text)
    adapted = adapt_template(own, TemplateChoice()).text
    joined = [{"role": "user", "content": "Be brief.\n\nWhat is CWE-79?"}, *TALK[1:]]
    assert rendered(adapted, [SYSTEM, *TALK]) == rendered(own, joined)
    assert rendered(adapted, TALK) == rendered(own, TALK)
    assert adapt_template(own, TemplateChoice(system="template")).text == own


def test_a_dropped_system_message_is_moved_only_where_that_is_wanted() -> None:
    assert template_traits(MISTRAL_TEMPLATE).system == "dropped"
    assert adapt_template(MISTRAL_TEMPLATE, TemplateChoice()).text == MISTRAL_TEMPLATE
    moved = adapt_template(MISTRAL_TEMPLATE, TemplateChoice(system="question")).text
    prompt, whole = (rendered(moved, [SYSTEM, *TALK[:n]]) for n in (1, 2))
    assert whole.startswith(prompt)
    assert "Be brief.\n\nWhat is CWE-79?" in whole


def test_a_model_that_thinks_is_asked_without_unless_it_is_wanted() -> None:
    own = official("qwen3")
    asked = rendered(adapt_template(own, TemplateChoice()).text, TALK[:1], add_generation_prompt=True)
    assert asked == rendered(own, TALK[:1], add_generation_prompt=True, enable_thinking=False)
    off = adapt_template(own, TemplateChoice(thinking="off")).text
    assert rendered(off, TALK[:1], add_generation_prompt=True, enable_thinking=True) == asked
    auto = adapt_template(own, TemplateChoice()).text
    again = rendered(auto, TALK[:1], add_generation_prompt=True, enable_thinking=True)
    assert again == rendered(own, TALK[:1], add_generation_prompt=True)
    assert adapt_template(own, TemplateChoice(thinking="on")).text == own


@pytest.mark.parametrize("name", ["deepseekv3", "deepseek_r1_distill", "nemotron_3_nano", "glm4moe", "qwen3_5_think"])
def test_a_prompt_that_opens_a_thinking_block_becomes_the_beginning_of_an_answer(name: str) -> None:
    adapted = adapt_template(official(name), TemplateChoice())
    assert (adapted.traits.prefix, adapted.traits.ended) == (True, True)


OPENED = (
    "{% for m in messages %}<{{ m.role }}>{{ m.content }}<end>{% endfor %}"
    "{% if add_generation_prompt %}<assistant><think>\n{% endif %}"
)


def test_what_trl_does_not_know_keeps_its_opening_unless_thinking_is_off() -> None:
    assert adapt_template(OPENED, TemplateChoice()).text == OPENED
    off = adapt_template(OPENED, TemplateChoice(thinking="off"))
    assert off.trainable
    assert rendered(off.text, TALK) == rendered(OPENED, TALK)


@pytest.mark.parametrize("name", ["smolvlm", "llava_next"])
def test_texts_reach_a_template_that_takes_parts(name: str) -> None:
    text = adapt_template(official(name), TemplateChoice()).text
    found = rendered(text, TALK)
    assert all(message["content"] in found for message in TALK)


def test_a_line_break_at_the_beginning_of_a_template_stays() -> None:
    own = "\n{{ strftime_now('%Y') }}{% for m in messages %}<{{ m.role }}>{{ m.content }}<end>{% endfor %}"
    assert rendered(adapt_template(own, TemplateChoice()).text, TALK) == rendered(own.replace(
        "{{ strftime_now('%Y') }}", "2024"
    ), TALK)  # fmt: skip
