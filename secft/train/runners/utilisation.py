"""How much of a device training uses."""

from __future__ import annotations

import math
import os
from typing import Any

import torch

PEAK_FLOPS = (("H200", 989e12), ("H100", 989e12), ("A100", 312e12), ("L40", 181e12), ("L4", 121e12), ("4090", 165e12))
"""Dense bf16 operations per second, by a part of the device's name. Source: the vendor's data sheets."""


def count_weights(model: Any) -> tuple[int, int]:
    """Return how many weights a model has, those packed in four bits included, and how many are trained."""
    every, trained = 0, 0
    for parameter in model.parameters():
        state = getattr(parameter, "quant_state", None)
        count = parameter.numel() if state is None else math.prod(state.shape)
        every += count
        trained += count if parameter.requires_grad else 0
    return every, trained


def flops_utilisation(weights: int, trained: int, tokens_per_second: float) -> float | None:
    """Return the model FLOPs utilisation: the share of the devices' operations that training needs at its speed.

    Six operations per weight and token, four where the weight is frozen; attention over the sequence is left out.
    Source: Kaplan et al. 2020, section 2.1; Chowdhery et al. 2022, appendix B.

    Args:
        weights: of the model, adapters included.
        trained: how many of them are trained.
        tokens_per_second: of training steps, of all processes together; each is taken to have a device of its own.

    Returns:
        A share between 0 and 1, or None on a CPU and on a device whose peak is not known.
    """
    if not torch.cuda.is_available():
        return None
    name = torch.cuda.get_device_name()
    peak = next((flops for part, flops in PEAK_FLOPS if part in name), None)
    if peak is None:
        return None
    devices = int(os.environ.get("WORLD_SIZE", "1"))
    return round((4 * weights + 2 * trained) * tokens_per_second / (peak * devices), 4)
