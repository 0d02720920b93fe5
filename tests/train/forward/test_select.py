"""Which forward pass a model gets."""

from __future__ import annotations

from typing import Any

import pytest
import torch

from secft.errors import TrainingError
from secft.models import BaseModel
from secft.train.forward import select_forward
from secft.train.forward.generic import GenericLoss
from secft.train.forward.llama import why_unsupported

# The libraries deprecate things among themselves; what they warn about is not ours to fix here.
pytestmark = pytest.mark.filterwarnings("ignore::FutureWarning", "ignore::UserWarning")


def adapted(tiny: BaseModel, dtype: torch.dtype = torch.float32, **lora: Any) -> Any:
    from peft import LoraConfig, get_peft_model
    from transformers import AutoModelForCausalLM

    torch.manual_seed(0)
    base = AutoModelForCausalLM.from_pretrained(tiny.path, dtype=dtype)
    settings = {"r": 4, "lora_alpha": 8, "target_modules": "all-linear", "task_type": "CAUSAL_LM", **lora}
    model = get_peft_model(base, LoraConfig(**settings))
    generator = torch.Generator().manual_seed(1)
    for name, parameter in model.named_parameters():
        if "lora_B" in name:  # zeros at the start, which would hide errors in the gradient of A
            parameter.data = torch.randn(parameter.shape, generator=generator) * 0.1
    return model


@pytest.mark.parametrize(
    ("lora", "reason"),
    [
        ({"lora_dropout": 0.1}, "dropout"),
        ({"use_dora": True}, "not plain LoRA"),
        ({"modules_to_save": ["lm_head"]}, ""),
        ({"bias": "all"}, ""),
    ],
)
def test_what_is_not_exact_is_left_to_the_generic_path(tiny: BaseModel, lora: dict[str, Any], reason: str) -> None:
    model = adapted(tiny, **lora)
    supported = lora == {"bias": "all"}  # a Llama has no biases, so none is trained
    assert bool(why_unsupported(model)) is not supported
    assert reason in why_unsupported(model)


def test_other_architectures_are_left_to_the_generic_path() -> None:
    from transformers import GPT2Config, GPT2LMHeadModel

    model = GPT2LMHeadModel(GPT2Config(n_layer=1, n_head=2, n_embd=16, vocab_size=50))
    assert isinstance(select_forward(model), GenericLoss)
    with pytest.raises(TrainingError, match="GPT2LMHeadModel"):
        select_forward(model, compile_kernels="true")
