"""From the reward model of LLaMA-Factory to one that transformers and peft load."""

from __future__ import annotations

import importlib
import signal
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from secft.train.backends.separate import SCRIPTS

pytestmark = pytest.mark.filterwarnings("ignore::FutureWarning", "ignore::UserWarning")


@pytest.fixture(autouse=True)
def _scripts_beside_each_other(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """As when a script is started by path; signal handlers and modules of those names are put back afterwards."""
    monkeypatch.syspath_prepend(str(SCRIPTS))
    before = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}
    yield
    for number, handler in before.items():
        signal.signal(number, handler)
    for name in ("facts", "guards", "ranks", "recording", "session", "stopping", "utilisation"):
        sys.modules.pop(name, None)


def module(name: str) -> Any:
    return importlib.import_module(name)


def adapted() -> Any:
    """A random model of two layers with adapters everywhere."""
    import torch
    from peft import LoraConfig, get_peft_model
    from transformers import LlamaConfig, LlamaForCausalLM

    torch.manual_seed(0)
    shape = {"num_hidden_layers": 2, "num_attention_heads": 4, "num_key_value_heads": 2}
    model = LlamaForCausalLM(LlamaConfig(vocab_size=64, hidden_size=32, intermediate_size=64, **shape))
    return get_peft_model(model, LoraConfig(target_modules="all-linear", r=4, task_type="CAUSAL_LM"))


def test_a_reward_model_of_llama_factory_scores_as_a_classifier(tmp_path: Path) -> None:
    import torch
    from peft import PeftModel
    from safetensors.torch import load_file, save_file
    from transformers import AutoModelForSequenceClassification, LlamaConfig, LlamaForCausalLM

    model = adapted()
    with torch.no_grad():
        for name, parameter in model.named_parameters():
            if "lora_B" in name:
                parameter.normal_(std=0.2)
    model.save_pretrained(tmp_path)
    head = torch.randn(1, 32)
    save_file(
        {"v_head.summary.weight": head, "v_head.summary.bias": torch.ones(1)}, tmp_path / "value_head.safetensors"
    )
    ids = torch.randint(1, 64, (1, 9))
    with torch.no_grad():
        hidden = model(input_ids=ids, output_hidden_states=True).hidden_states[-1][:, -1]
    module("value_head").as_classifier(tmp_path)

    base = model.unload()
    assert isinstance(base, LlamaForCausalLM)
    base.save_pretrained(tmp_path / "base")
    assert isinstance(base.config, LlamaConfig)
    scorer = AutoModelForSequenceClassification.from_pretrained(tmp_path / "base", num_labels=1, pad_token_id=0)
    scorer = PeftModel.from_pretrained(scorer, str(tmp_path)).eval()
    with torch.no_grad():
        score = scorer(input_ids=ids).logits
    assert score == pytest.approx(hidden @ head.T, abs=1e-4)
    weights = load_file(tmp_path / "adapter_model.safetensors")
    assert not [name for name in weights if "v_head" in name]
