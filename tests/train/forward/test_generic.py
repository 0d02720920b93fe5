"""The generic forward pass."""

from __future__ import annotations

from typing import Any

import pytest
import torch

from secft.models import BaseModel
from secft.train.forward.generic import GenericLoss, length_groups
from secft.train.rows import Row, build_rows, collate
from secft.train.template import tokenise_example
from tests.train.conftest import conversation

# The libraries deprecate things among themselves; what they warn about is not ours to fix here.
pytestmark = pytest.mark.filterwarnings("ignore::FutureWarning", "ignore::UserWarning")


Result = tuple[float, dict[str, torch.Tensor]]


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


def rows(tokenizer: Any, *, packing: bool = True) -> list[Row]:
    examples = [tokenise_example(tokenizer, str(i), conversation(i)["messages"]) for i in range(7)]
    return build_rows(examples, 128, packing=packing, seed=0)


def evaluate(model: Any, loss_function: Any, batch: dict[str, torch.Tensor]) -> Result:
    loss = loss_function(batch)
    loss.backward()
    gradients = {n: p.grad.clone() for n, p in model.named_parameters() if p.requires_grad and p.grad is not None}
    return float(loss.detach()), gradients


def plain_peft(model: Any, rows: list[Row]) -> Result:
    """One example at a time through the model's own forward and loss over all logits."""
    total = torch.zeros(())
    for row in rows:
        start = 0
        for length in row["lengths"]:
            ids = torch.tensor([row["input_ids"][start : start + length]])
            labels = torch.tensor(row["labels"][start : start + length])
            logits = model(input_ids=ids, use_cache=False).logits[0]
            total = total + torch.nn.functional.cross_entropy(logits[:-1], labels[1:], reduction="sum")
            start += length
    return evaluate(model, lambda _: total, {})


def worst(left: dict[str, torch.Tensor], right: dict[str, torch.Tensor]) -> float:
    assert left.keys() == right.keys()
    return max(float((left[n] - right[n]).norm() / left[n].norm()) for n in left)


def test_generic_path_equals_plain_peft(tiny: BaseModel, tokenizer: Any) -> None:
    packed = rows(tokenizer)
    reference = plain_peft(adapted(tiny), packed)
    model = adapted(tiny)
    generic = evaluate(model, GenericLoss(model), collate(packed))
    assert generic[0] == pytest.approx(reference[0], rel=1e-5)
    assert worst(reference[1], generic[1]) < 1e-4


def test_length_groups_bound_padding() -> None:
    lengths = [100, 12, 95, 11, 50, 99, 10]
    groups = length_groups(lengths)
    assert sorted(i for group in groups for i in group) == list(range(7))
    assert groups == [[0, 5, 2], [4], [1, 3, 6]]
