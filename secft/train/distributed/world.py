"""The processes of one training as one of them sees them, and what they tell each other.

Every collective must be called by all processes in the same order. With one process all of them do nothing.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import torch

BUCKET_WEIGHTS = 2**24
"""Weights whose gradients travel together: few messages, and little memory beside the gradients."""


@dataclass(frozen=True)
class World:
    """Who this process is among all.

    Attributes:
        rank: number of this process, from 0; process 0 writes what the run leaves.
        size: processes in all.
        local_rank: number on this machine; the number of its GPU.
        local_size: processes on this machine.
    """

    rank: int = 0
    size: int = 1
    local_rank: int = 0
    local_size: int = 1

    @classmethod
    def of_environment(cls) -> World:
        """Read who this process is from the variables that launchers set."""
        names = ("RANK", "WORLD_SIZE", "LOCAL_RANK", "LOCAL_WORLD_SIZE")
        rank, size, local_rank, local_size = (int(os.environ.get(name, name.endswith("SIZE"))) for name in names)
        return cls(rank, size, local_rank, local_size)

    @property
    def main(self) -> bool:
        """Whether this is the process that writes."""
        return self.rank == 0

    def join(self, device: str, timeout: int) -> None:
        """Meet the other processes.

        Args:
            device: cpu or cuda.
            timeout: seconds to wait for any of them, now and later.
        """
        if self.size == 1:
            return
        import torch
        from torch import distributed

        if device == "cuda":
            torch.cuda.set_device(self.local_rank)
        if not distributed.is_initialized():
            backend = "cpu:gloo,cuda:nccl" if device == "cuda" else "gloo"
            distributed.init_process_group(backend, timeout=timedelta(seconds=timeout))

    def leave(self) -> None:
        """Part from the others, all at the same time."""
        if self.size == 1:
            return
        from torch import distributed

        if distributed.is_initialized():
            with suppress(RuntimeError):
                distributed.barrier()
            distributed.destroy_process_group()

    def barrier(self) -> None:
        """Wait for all others to come here."""
        if self.size > 1:
            # A sum on the CPU: NCCL's own barrier would guess which GPU belongs to which process.
            self.sums([0.0])

    def sums(self, values: Sequence[float]) -> list[float]:
        """Return the sum of each value over all processes."""
        if self.size == 1:
            return [float(value) for value in values]
        import torch
        from torch import distributed

        totals = torch.tensor(values, dtype=torch.float64)
        distributed.all_reduce(totals)
        return [float(value) for value in totals.tolist()]

    def any(self, flag: bool) -> bool:
        """Tell whether the flag is set in some process."""
        return self.sums([float(flag)])[0] > 0

    def share(self, items: Sequence[Any], filler: Any) -> list[Any]:
        """Return this process's part of a list; all parts are equally long, filled up at the end."""
        count = -(-len(items) // self.size)
        mine = list(items[self.rank :: self.size])
        return mine + [filler] * (count - len(mine))

    def average_gradients(self, parameters: Iterable[torch.Tensor]) -> None:
        """Replace the gradients of parameters by their mean over all processes.

        A parameter that was not used in some process has a gradient of zero there. All processes get the same bits.
        """
        if self.size == 1:
            return
        for bucket in _buckets(parameters):
            self._average(bucket)

    def _average(self, parameters: list[torch.Tensor]) -> None:
        import torch
        from torch import distributed

        gradients = [p.grad if p.grad is not None else torch.zeros_like(p) for p in parameters]
        flat = torch.cat([gradient.reshape(-1) for gradient in gradients])
        distributed.all_reduce(flat)
        flat.div_(self.size)
        start = 0
        for parameter, gradient in zip(parameters, gradients, strict=True):
            gradient.copy_(flat[start : start + gradient.numel()].view_as(gradient))
            parameter.grad = gradient
            start += gradient.numel()

    def same_start(self, parameters: Iterable[torch.Tensor]) -> None:
        """Give every process the weights of the first one."""
        if self.size == 1:
            return
        from torch import distributed

        for parameter in parameters:
            distributed.broadcast(parameter.data, src=0)


def _buckets(parameters: Iterable[torch.Tensor]) -> list[list[torch.Tensor]]:
    """Group parameters of one type and device, in order, up to BUCKET_WEIGHTS weights each."""
    buckets: list[list[torch.Tensor]] = []
    held = 0
    for parameter in parameters:
        last = buckets[-1][-1] if buckets else None
        fits = last is not None and (last.dtype, last.device) == (parameter.dtype, parameter.device)
        if not fits or held + parameter.numel() > BUCKET_WEIGHTS:
            buckets.append([])
            held = 0
        buckets[-1].append(parameter)
        held += parameter.numel()
    return buckets
