"""The choice of the forward pass: the fastest one that is exact for a given model."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

from secft.errors import TrainingError
from secft.train.forward.generic import GenericLoss

if TYPE_CHECKING:
    import torch
    from torch import nn

    from secft.train.forward.kernels import Kernels


class LossFunction(Protocol):
    """Computes a loss whose gradients reach the trainable weights of the model it was made for."""

    name: str

    def __call__(self, batch: dict[str, torch.Tensor]) -> torch.Tensor:
        """Return the summed negative log-likelihood (nats, scalar) of a flat batch as ``rows.collate`` makes it."""


def select_forward(model: nn.Module, *, compile_kernels: str = "auto", fast: bool = True) -> LossFunction:
    """Choose the forward pass.

    Args:
        model: a causal language model, plain or wrapped by PEFT.
        compile_kernels: ``auto`` (native kernels where a C compiler is found), ``true`` (they are
            required) or ``false``.
        fast: False to insist on the generic forward.

    Raises:
        TrainingError: if native kernels are required and cannot be had.
    """
    reason = "the fast path was turned off"
    if fast:
        from secft.train.forward.llama import LlamaLoss, why_unsupported

        reason = why_unsupported(model)
        if not reason:
            return LlamaLoss(model, _kernels(compile_kernels))
    if compile_kernels == "true":
        raise TrainingError(f"compile=true, but there is nothing to compile for this model: {reason}")
    return GenericLoss(model)


def _kernels(compile_kernels: str) -> Kernels:
    from secft.train.forward.kernels_native import NativeKernels, compile_library
    from secft.train.forward.kernels_torch import TorchKernels

    if compile_kernels == "false":
        return TorchKernels()
    library, problem = compile_library()
    if library is not None:
        return NativeKernels(library)
    if compile_kernels == "true":
        raise TrainingError(f"compile=true, but the native kernels cannot be built: {problem}")
    return TorchKernels()
