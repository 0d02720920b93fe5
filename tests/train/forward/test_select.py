"""Which forward pass a model gets."""

from __future__ import annotations

from typing import Any

import pytest

from secft.errors import TrainingError
from secft.models.base_model import BaseModel
from secft.train.forward import select_forward
from secft.train.forward.generic import GenericLoss
from secft.train.forward.llama import why_unsupported
from tests.train.forward.compared import adapted

# The libraries deprecate things among themselves; what they warn about is not ours to fix here.
pytestmark = pytest.mark.filterwarnings("ignore::FutureWarning", "ignore::UserWarning")


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
