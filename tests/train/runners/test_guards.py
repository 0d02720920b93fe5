"""What would go wrong in silence, and ends a run instead."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from tests.train.runners.trainers import adapted, module, trainer_in

pytestmark = pytest.mark.filterwarnings("ignore::FutureWarning", "ignore::UserWarning")


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


def test_a_device_is_asked_once_for_all_gradients(monkeypatch: pytest.MonkeyPatch) -> None:
    import torch

    guards, asked = module("guards"), []
    to_list = torch.Tensor.tolist

    def counted(tensor: torch.Tensor) -> Any:
        asked.append(tensor)
        return to_list(tensor)

    def refused(tensor: torch.Tensor) -> bool:
        raise AssertionError("a device is asked for one tensor alone")

    model = adapted()
    for parameter in model.parameters():
        if parameter.requires_grad:
            parameter.grad = torch.ones_like(parameter)
    monkeypatch.setattr(torch.Tensor, "tolist", counted)
    monkeypatch.setattr(torch.Tensor, "__bool__", refused)
    assert all(moving for _, moving in guards.adapter_gradients(model))
    gradients = [parameter.grad for parameter in model.parameters() if parameter.grad is not None]
    assert guards.all_finite(gradients)
    assert len(asked) == 2
    gradients[3][0] = float("inf")
    assert not guards.all_finite(gradients)
    assert guards.all_finite([])
    assert guards.answers([]) == []
