"""GGUF files as teams have them: several architectures and quantisations, compared with transformers' own reading."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from secft.errors import InputError
from secft.models.gguf import convert_gguf
from tests.models.gguf_files import SIZES, byte_level, sentence_pieces, write_gguf

pytestmark = pytest.mark.filterwarnings("ignore::FutureWarning", "ignore::UserWarning")
TEMPLATE = (
    "{% for message in messages %}{{ '<|im_start|>' + message['role'] + '\\n' + message['content'] + '<|im_end|>\\n' }}"
    "{% endfor %}{% if add_generation_prompt %}{{ '<|im_start|>assistant\\n' }}{% endif %}"
)
KINDS: dict[str, tuple[str, str, Any, dict[str, Any]]] = {
    "llama Q4_K_M": ("llama", "Q4_K_M", byte_level, {}),
    "mistral Q6_K": ("llama", "Q6_K", sentence_pieces, {}),
    "qwen2 Q4_K_M": ("qwen2", "Q4_K_M", byte_level, {"biases": True}),
    "qwen3 Q8_0": ("qwen3", "Q8_0", byte_level, {"heads": (2, 1)}),
}


@pytest.mark.parametrize("kind", KINDS)
def test_a_file_becomes_the_model_that_transformers_reads_of_it(kind: str, tmp_path: Path) -> None:
    import torch
    from transformers import AutoModelForCausalLM, AutoTokenizer

    architecture, how, vocabulary, more = KINDS[kind]
    path = tmp_path / "own.gguf"
    write_gguf(path, architecture, how, vocabulary(TEMPLATE), **more)
    directory = tmp_path / "model"
    directory.mkdir()
    told = convert_gguf(path, directory)
    assert told["license"] == "apache-2.0"
    assert how[:4] in told["quantisation"]
    theirs = AutoModelForCausalLM.from_pretrained(tmp_path, gguf_file=path.name, dtype=torch.float32)
    ours = AutoModelForCausalLM.from_pretrained(directory, dtype=torch.float32)
    named = dict(theirs.named_parameters())
    assert named.keys() == dict(ours.named_parameters()).keys()
    assert all(torch.equal(value, named[name].bfloat16().float()) for name, value in ours.named_parameters())
    rounded = type(theirs)(theirs.config).float().eval()
    rounded.load_state_dict({name: value.bfloat16().float() for name, value in theirs.state_dict().items()})
    ids = torch.arange(2, 40).reshape(2, -1)
    assert torch.allclose(ours(ids).logits, rounded(ids).logits, atol=1e-5)
    tokenizer = AutoTokenizer.from_pretrained(directory)
    other = AutoTokenizer.from_pretrained(tmp_path, gguf_file=path.name)
    for text in ("the other in there: a server?", "  two  spaces\n", "año ✔"):
        assert tokenizer(text)["input_ids"] == other(text)["input_ids"]
        assert tokenizer.decode(tokenizer(text)["input_ids"], skip_special_tokens=True).strip() == text.strip()
    turn = [{"role": "user", "content": "the server"}]
    assert tokenizer.apply_chat_template(turn, tokenize=False).startswith("<|im_start|>user\nthe server<|im_end|>")


def test_weights_are_as_near_as_the_quantisation_allows(tmp_path: Path) -> None:
    from safetensors.torch import load_file

    path = tmp_path / "own.gguf"
    made = write_gguf(path, "qwen2", "Q4_K_M", byte_level(TEMPLATE), biases=True)
    (tmp_path / "model").mkdir()
    convert_gguf(path, tmp_path / "model")
    found = load_file(tmp_path / "model" / "model.safetensors")
    for name, other, most in (
        ("blk.1.attn_q.weight", "model.layers.1.self_attn.q_proj.weight", 0.015),
        ("blk.0.ffn_down.weight", "model.layers.0.mlp.down_proj.weight", 0.005),
        ("blk.0.attn_k.bias", "model.layers.0.self_attn.k_proj.bias", 0.001),
    ):
        assert abs(found[other].float().numpy() - made[name]).max() < most


def settings_of(path: Path, directory: Path) -> dict[str, Any]:
    directory.mkdir()
    convert_gguf(path, directory)
    found: dict[str, Any] = json.loads((directory / "config.json").read_text())
    return found


def test_positions_that_are_scaled_stay_so(tmp_path: Path) -> None:
    path = tmp_path / "long.gguf"
    write_gguf(path, "llama", "Q8_0", sentence_pieces(TEMPLATE), rope__freq_base=5e5)
    assert settings_of(path, tmp_path / "a")["rope_parameters"] == {"rope_type": "default", "rope_theta": 5e5}
    settings = settings_of(path, tmp_path / "b")
    assert "pad_token_id" not in settings
    assert settings["head_dim"] == SIZES["hidden"] // 4


@pytest.mark.parametrize(
    ("architecture", "fields", "said"),
    [
        ("gemma2", {}, "architecture 'gemma2' is not supported; there are: llama, qwen2, qwen3"),
        ("llama", {"expert_count": 8}, "mixture of experts"),
    ],
)
def test_what_is_not_converted_is_told(tmp_path: Path, architecture: str, fields: dict[str, Any], said: str) -> None:
    path = tmp_path / "other.gguf"
    write_gguf(path, architecture, "Q8_0", byte_level(TEMPLATE), **fields)
    (tmp_path / "model").mkdir()
    with pytest.raises(InputError, match=said):
        convert_gguf(path, tmp_path / "model")


def test_a_file_alone_is_a_model(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from secft.base import find_base_model
    from secft.config.compose import read_config

    monkeypatch.setenv("SECFT_CACHE", str(tmp_path / "cache"))
    path = tmp_path / "Team-Model.Q4_K_M.gguf"
    write_gguf(path, "qwen2", "Q4_K_M", byte_level(TEMPLATE), biases=True)
    for option in ("hub", "mixtral"):
        model = read_config([f"model={option}", f"model.path={path}"]).model
        assert (model.name, model.id, model.license) == ("team-model.q4_k_m", "", "apache-2.0")
        assert (model.architecture.layers, model.architecture.hidden_size, model.context_length) == (2, 256, 512)
        base = find_base_model(model)
        assert (base.source, base.hub_id, base.license) == ("gguf", "", "apache-2.0")
        assert base.quantisation.startswith("Q4_K ")
        assert base.quantisation.endswith("bits a weight")
        assert (base.path / "model.safetensors").is_file()
    blob = path.rename(tmp_path / "sha256-0123")
    assert find_base_model(read_config(["model=hub", f"model.path={blob}"]).model).source == "gguf"
