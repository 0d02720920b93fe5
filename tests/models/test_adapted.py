"""Base models with the chat template that is chosen for them, as directories that any program can load."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

from secft.errors import InputError, ModelNotFoundError
from secft.models.chat_template import TemplateChoice
from secft.models.loading import load_tokenizer
from secft.models.resolve import resolve_model, with_template
from tests.matrix.tiny_models import family_tokenizer

TALK = [{"role": "user", "content": "Question?"}, {"role": "assistant", "content": "Answer."}]


@pytest.fixture
def base(tmp_path: Path) -> Path:
    """A model that brings no chat template, with the tokenizer of Llama 3.1."""
    place = tmp_path / "base"
    shutil.copytree(resolve_model("tiny", "random").path, place)
    for name in ("manifest.json", "chat_template.jinja"):
        (place / name).unlink()
    family_tokenizer("llama31").save_pretrained(place)
    (place / "chat_template.jinja").unlink()
    return place


def test_a_base_model_needs_a_template_and_is_told_which_there_are(base: Path, tmp_path: Path) -> None:
    found = resolve_model("base", "hub", path=base)
    with pytest.raises(ModelNotFoundError, match=r"no chat template.*model\.chat_template=chatml, alpaca"):
        with_template(found, TemplateChoice(), tmp_path)


@pytest.mark.parametrize(
    ("choice", "prompt", "end"),
    [
        ("chatml", "<|begin_of_text|><|im_start|>user\nQuestion?<|eot_id|>\n<|im_start|>assistant\n", "<|eot_id|>\n"),
        ("alpaca", "### Instruction:\nQuestion?\n\n### Response:\n", "<|eot_id|>\n\n"),
    ],
)
def test_a_template_by_name_ends_turns_with_a_token_of_the_model(
    base: Path, tmp_path: Path, choice: str, prompt: str, end: str
) -> None:
    found = with_template(resolve_model("base", "hub", path=base), TemplateChoice(choice), tmp_path)
    tokenizer = load_tokenizer(found.path)
    asked = tokenizer.apply_chat_template(TALK[:1], tokenize=False, add_generation_prompt=True)
    assert asked.startswith("<|begin_of_text|>")
    assert asked.endswith(prompt)
    assert tokenizer.apply_chat_template(TALK, tokenize=False) == f"{asked}Answer.{end}"
    assert f"{choice} (model.chat_template)" in found.notes[0]


def test_chatml_takes_its_own_token_where_the_vocabulary_has_it(base: Path, tmp_path: Path) -> None:
    family_tokenizer("qwen25").save_pretrained(base)
    (base / "chat_template.jinja").unlink()
    found = with_template(resolve_model("base", "hub", path=base), TemplateChoice("chatml"), tmp_path)
    text = load_tokenizer(found.path).apply_chat_template(TALK, tokenize=False)
    assert text == "<|im_start|>user\nQuestion?<|im_end|>\n<|im_start|>assistant\nAnswer.<|im_end|>\n"


def test_a_file_is_a_template_too_and_what_is_none_is_an_error(base: Path, tmp_path: Path) -> None:
    found = resolve_model("base", "hub", path=base)
    file = tmp_path / "ours.jinja"
    file.write_text("{% for m in messages %}[{{ m.content }}]{{ eos_token }}{% endfor %}")
    used = with_template(found, TemplateChoice(str(file)), tmp_path)
    assert (used.path / "chat_template.jinja").read_text() == file.read_text()
    with pytest.raises(InputError, match="neither a file nor one of chatml, alpaca"):
        with_template(found, TemplateChoice("vicuna"), tmp_path)


def test_weights_are_linked_and_nothing_of_the_model_is_changed(base: Path, tmp_path: Path) -> None:
    settings = base / "tokenizer_config.json"
    settings.write_text(json.dumps({**json.loads(settings.read_text()), "chat_template": "{{ strftime_now('%Y') }}"}))
    before = {path.name: path.read_bytes() for path in base.iterdir()}
    found = resolve_model("base", "hub", path=base)
    used = with_template(found, TemplateChoice(), tmp_path)
    assert used.path != base
    assert (used.path / "model.safetensors").resolve() == (base / "model.safetensors").resolve()
    assert (used.digest, used.parameters) == (found.digest, found.parameters)
    assert used.chat_template_digest != found.chat_template_digest
    assert "chat_template" not in json.loads((used.path / "tokenizer_config.json").read_text())
    assert {path.name: path.read_bytes() for path in base.iterdir()} == before
    assert with_template(found, TemplateChoice(), tmp_path).path == used.path
    settings.write_text(json.dumps({**json.loads(settings.read_text()), "model_max_length": 99}))
    assert with_template(found, TemplateChoice(), tmp_path).path != used.path


def test_the_same_weights_in_another_layout_are_not_counted_twice(base: Path) -> None:
    before = resolve_model("base", "hub", path=base)
    shutil.copyfile(base / "model.safetensors", base / "consolidated.safetensors")
    after = resolve_model("base", "hub", path=base)
    assert (after.parameters, after.digest) == (before.parameters, before.digest)


@pytest.mark.parametrize(
    ("kind", "named", "used"),
    [
        ("phi3", {"AutoConfig": "configuration_phi3.Phi3Config", "AutoModel": "modeling_phi3.Phi3Model"}, True),
        ("phi3", {"AutoConfig": "configuration_phi3.Phi3Config", "AutoModel": "modeling.Faster"}, False),
        ("phi3", {"AutoModelForCausalLM": "modeling_llama.LlamaForCausalLM"}, False),
        ("ours", {"AutoConfig": "configuration_phi3.Phi3Config"}, False),
    ],
)  # fmt: skip
def test_code_that_became_part_of_transformers_is_no_code_of_the_model(
    base: Path, kind: str, named: dict[str, str], used: bool
) -> None:
    config = json.loads((base / "config.json").read_text())
    (base / "config.json").write_text(json.dumps({**config, "model_type": kind, "auto_map": named}))
    if used:
        assert resolve_model("m", "hub", path=base).path == base
    else:
        with pytest.raises(ModelNotFoundError, match="never runs code"):
            resolve_model("m", "hub", path=base)
