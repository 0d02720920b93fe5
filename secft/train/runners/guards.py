"""What would go wrong in silence: weights that stop gradients, adapters that learn nothing, numbers not finite."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Iterator
from typing import Any

import torch
from transformers import TrainerCallback

PATIENCE = 2
"""Optimizer steps in a row without a gradient before a run is stopped."""


class NoGradientError(RuntimeError):
    """Adapters are trained and no gradient reaches them."""


def guard_quantised(model: Any) -> int:
    """Keep 4-bit weights in the form that has a backward pass; call it before the first evaluation.

    On processors with AVX512-BF16, bitsandbytes repacks a ``Linear4bit`` in its first forward pass without gradients.
    Afterwards the gradient of its input is lost without a word, and the adapters before it stop learning.

    Args:
        model: any torch module.

    Returns:
        The number of layers that were told to stay as they are.
    """
    count = 0
    for module in model.modules():
        if type(module).__name__ == "Linear4bit" or hasattr(module, "support_avx512bf16_for_cpu"):
            module.support_avx512bf16_for_cpu = False
            count += 1
    return count


class QuantisedGuard(TrainerCallback):  # type: ignore[misc]
    """Applies ``guard_quantised`` before the first step and before an evaluation at the start."""

    def on_train_begin(self, args: Any, state: Any, control: Any, model: Any = None, **_: Any) -> None:
        """Guard the model that is about to be trained."""
        if model is not None:
            guard_quantised(model)


def adapter_gradients(model: Any) -> Iterator[tuple[str, bool]]:
    """Yield the kind of module (``q_proj``) of every trained adapter weight and whether its gradient is not zero.

    All gradients are looked at in one answer of the device: to ask for each would stop a GPU hundreds of times a step.
    """
    kinds, gradients = [], []
    for name, parameter in model.named_parameters():
        if parameter.requires_grad and "lora_" in name:
            kinds.append(name.split(".lora_")[0].rpartition(".")[2])
            gradients.append(parameter.grad)
    moving = iter(answers(torch.count_nonzero(one.detach()) for one in gradients if one is not None))
    for kind, gradient in zip(kinds, gradients, strict=True):
        yield kind, gradient is not None and bool(next(moving))


def answers(values: Iterable[torch.Tensor]) -> list[float]:
    """Return scalars that devices hold, with one wait for each device instead of one for each scalar.

    Those of weights that FSDP divides are put together first: every process must ask for the same ones, in one order.
    """
    found = [value.full_tensor() if hasattr(value, "full_tensor") else value for value in values]
    by_device: dict[torch.device, list[int]] = {}
    for index, value in enumerate(found):
        by_device.setdefault(value.device, []).append(index)
    read: dict[int, float] = {}
    for indices in by_device.values():
        read |= zip(indices, torch.stack([found[index] for index in indices]).tolist(), strict=True)
    return [read[index] for index in range(len(found))]


def all_finite(gradients: Iterable[torch.Tensor]) -> bool:
    """Tell whether every number of all tensors is finite, with one wait for a device."""
    return all(answers(torch.isfinite(gradient).all() for gradient in gradients))


class AdapterGradientGuard(TrainerCallback):  # type: ignore[misc]
    """Stops a run whose adapters get no gradient.

    All adapters without a gradient, or all of one kind of module that had gradients before, for PATIENCE optimizer
    steps in a row: the loss may still fall a little, but not for what the user asked.
    """

    def __init__(self, patience: int = PATIENCE) -> None:
        self.patience = patience
        self.once_alive: set[str] = set()
        self.dead_steps: dict[str, int] = {}

    def on_pre_optimizer_step(self, args: Any, state: Any, control: Any, model: Any = None, **_: Any) -> None:
        """Look at the gradients of one optimizer step.

        Raises:
            NoGradientError: with the kinds of modules that no gradient reaches.
        """
        if model is None:
            return
        alive: dict[str, bool] = {}
        for kind, moving in adapter_gradients(model):
            alive[kind] = alive.get(kind, False) or moving
        for kind, moving in alive.items():
            self.dead_steps[kind] = 0 if moving else self.dead_steps.get(kind, 0) + 1
            if moving:
                self.once_alive.add(kind)
        dead = sorted(kind for kind, steps in self.dead_steps.items() if steps >= self.patience)
        if dead and (len(dead) == len(self.dead_steps) or self.once_alive.intersection(dead)):
            raise NoGradientError(_cause(model, dead, self.patience))


def _cause(model: Any, dead: list[str], steps: int) -> str:
    reason = f"no gradient reached the adapters of {', '.join(dead)} in {steps} optimizer steps in a row"
    if any(type(module).__name__ == "Linear4bit" for module in model.modules()):
        return (
            f"{reason}: their 4-bit base layers lost the gradient of their input (bitsandbytes repacks them in an "
            "evaluation on this processor); train with trainer=lora, or without validation"
        )
    return f"{reason}: every row may be masked, or the adapters are on modules that the model does not use"


class NanGuard(TrainerCallback):  # type: ignore[misc]
    """Ends a run before a gradient that is not finite reaches the weights.

    Attributes:
        diverged: whether that happened.
    """

    def __init__(self) -> None:
        self.diverged = False

    def on_pre_optimizer_step(self, args: Any, state: Any, control: Any, model: Any = None, **_: Any) -> None:
        """Drop gradients that are not finite and ask for the end."""
        if model is None:
            return
        trained = [parameter for parameter in model.parameters() if parameter.grad is not None]
        if all_finite(parameter.grad for parameter in trained if parameter.grad is not None):
            return
        self.diverged = True
        print(f"warning: a gradient is not finite at step {state.global_step + 1}", file=sys.stderr, flush=True)
        for parameter in trained:
            parameter.grad = None
        control.should_training_stop = True

    def on_step_end(self, args: Any, state: Any, control: Any, **_: Any) -> None:
        """The trainer resets its wish to stop at every step; keep it."""
        if self.diverged:
            control.should_training_stop = True
