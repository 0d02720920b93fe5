"""What would go wrong in silence, and ends a run instead."""

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


def test_adapters_without_gradients_end_the_run(tmp_path: Path) -> None:
    guards = module("guards")
    model = adapted()
    for name, parameter in model.named_parameters():
        if "q_proj" in name and parameter.requires_grad:
            parameter.register_hook(lambda gradient: gradient * 0)
    guard = guards.AdapterGradientGuard()
    guard.once_alive.add("q_proj")
    with pytest.raises(guards.NoGradientError, match=r"adapters of q_proj in 2 optimizer steps"):
        trainer_in(tmp_path, [guard], model=model).train()
    unmasked = guards.AdapterGradientGuard()
    trainer_in(tmp_path, [unmasked]).train()
    assert set(unmasked.dead_steps.values()) == {0}


def test_rows_that_are_all_masked_end_the_run(tmp_path: Path) -> None:
    guards = module("guards")
    trainer = trainer_in(tmp_path, [guards.AdapterGradientGuard()])
    for row in trainer.train_dataset:
        row["labels"][:] = -100
    with pytest.raises(guards.NoGradientError, match="every row may be masked"):
        trainer.train()


def test_four_bit_layers_are_told_to_stay_as_they_are() -> None:
    import torch

    class Linear4bit(torch.nn.Linear):
        support_avx512bf16_for_cpu = True

    model = torch.nn.Sequential(Linear4bit(4, 4), torch.nn.Linear(4, 4))
    guards = module("guards")
    assert guards.guard_quantised(model) == 1
    assert model[0].support_avx512bf16_for_cpu is False
    guards.QuantisedGuard().on_train_begin(None, None, None, model=model)


def test_a_gradient_that_is_not_finite_does_not_reach_the_weights(tmp_path: Path) -> None:
    import torch

    guards = module("guards")
    guard, model = guards.NanGuard(), adapted()
    handle = {"steps": 0}

    def spoil(gradient: Any) -> Any:
        handle["steps"] += 1
        return gradient * (float("nan") if handle["steps"] >= 3 else 1)

    next(p for p in model.parameters() if p.requires_grad).register_hook(spoil)
    trainer = trainer_in(tmp_path, [guard], model=model, max_grad_norm=0.0)
    trainer.train()
    assert guard.diverged
    assert trainer.state.global_step == 3
    assert all(bool(torch.isfinite(p).all()) for p in model.parameters())
