"""A model with adapters, rows, and its loss and gradients by the plain way."""

from __future__ import annotations

from typing import Any

import torch

from secft.models.base_model import BaseModel
from secft.train.rows import Row, build_rows
from secft.train.template import tokenise_example
from tests.train.conftest import conversation

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
