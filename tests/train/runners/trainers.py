"""A small model, rows and a trainer for what runs beside a separate runner."""

from __future__ import annotations

import importlib
from pathlib import Path
from typing import Any


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


def rows() -> list[dict[str, Any]]:
    """Eight rows of ten tokens and two of padding; six tokens carry loss."""
    import torch

    torch.manual_seed(1)
    ids = torch.randint(1, 64, (8, 12))
    mask, labels = torch.ones_like(ids), ids.clone()
    mask[:, 10:], labels[:, :4], labels[:, 10:] = 0, -100, -100
    return [{"input_ids": i, "attention_mask": m, "labels": t} for i, m, t in zip(ids, mask, labels, strict=True)]


def trainer_in(directory: Path, callbacks: list[Any], model: Any = None, **changes: Any) -> Any:
    from transformers import PrinterCallback, Trainer, TrainingArguments

    values = {
        "output_dir": str(directory / "checkpoints"),
        "max_steps": 6,
        "learning_rate": 1e-2,
        "per_device_train_batch_size": 2,
        "logging_steps": 1,
        "save_steps": 2,
        "eval_strategy": "steps",
        "eval_steps": 2,
        "logging_nan_inf_filter": False,
        "use_cpu": True,
        "report_to": "none",
        "disable_tqdm": True,
        "dataloader_pin_memory": False,
        **changes,
    }
    data = rows()
    trainer = Trainer(
        model=model or adapted(),
        args=TrainingArguments(**values),
        train_dataset=data,
        eval_dataset=data,
        callbacks=callbacks,
    )
    trainer.remove_callback(PrinterCallback)
    return trainer
