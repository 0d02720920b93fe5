"""Fused kernels for the layers of a model on a GPU."""

from __future__ import annotations

from importlib.util import find_spec
from typing import Any

import torch

from secft.environment import install_command
from secft.errors import InputError, MissingExtraError
from secft.train.job import TrainJob


def fuses(job: TrainJob) -> bool:
    """Tell whether layers get fused kernels.

    Raises:
        InputError: they are required, and there is no CUDA device.
        MissingExtraError: they are required, and not installed.
    """
    cuda, installed = torch.cuda.is_available(), find_spec("liger_kernel") is not None
    if job.trainer.kernels == "liger" and not cuda:
        raise InputError("trainer.kernels=liger needs a CUDA device; use trainer.kernels=auto")
    if job.trainer.kernels == "liger" and not installed:
        raise MissingExtraError(f"trainer.kernels=liger needs liger-kernel: {install_command('liger')}")
    return job.trainer.kernels != "none" and cuda and installed


def fuse(model: Any) -> None:
    """Replace norms, rotary positions and gated layers by Liger's kernels (Hsu et al. 2024, arXiv:2410.10989).

    The loss stays: it computes logits only where there are labels. A model that Liger does not know stays as it is.
    """
    from transformers.integrations.liger import apply_liger_kernel

    apply_liger_kernel(model, {"cross_entropy": False, "fused_linear_cross_entropy": False})
