"""From the reward model of LLaMA-Factory to one that transformers and peft load."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.train.runners.trainers import adapted, module

pytestmark = pytest.mark.filterwarnings("ignore::FutureWarning", "ignore::UserWarning")


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
