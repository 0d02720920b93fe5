"""How one training is spread over processes, in plain values."""

from __future__ import annotations

import socket
from dataclasses import dataclass, field, replace
from typing import Any, Literal

Strategy = Literal["single", "ddp", "fsdp2", "deepspeed_zero1", "deepspeed_zero2", "deepspeed_zero3"]
DEFAULT_PORT = 29500
NO_DEVICE = "none"
LOCAL_ONLY = ("address", "port", "launcher", "timeout", "ray_address", "slurm", "visible")
"""Fields that say where and how, and change nothing of the result."""


@dataclass(frozen=True)
class DistributedSettings:
    """How one training is spread over processes.

    Attributes:
        strategy: how weights and work are divided.
        processes: on each machine.
        nodes: machines.
        offload: what is kept in main memory: none, optimizer, or all (optimizer and weights).
        device: cpu or cuda.
        launcher: torchrun, accelerate, ray or slurm.
        address: of the first machine.
        port: there; 0 means that none is chosen yet.
        timeout: seconds that a process waits for the others.
        ray_address: of a Ray cluster; "" starts one on this machine.
        visible: CUDA devices that the process may see, as CUDA_VISIBLE_DEVICES has them: "none", or "" for all.
        slurm: partition, account, time, cpus_per_process, grace_seconds.
    """

    strategy: Strategy = "single"
    processes: int = 1
    nodes: int = 1
    offload: str = "none"
    device: str = "cpu"
    launcher: str = "torchrun"
    address: str = "127.0.0.1"
    port: int = 0
    timeout: int = 1800
    ray_address: str = ""
    visible: str = ""
    slurm: dict[str, Any] = field(default_factory=dict)

    @property
    def world(self) -> int:
        """Processes on all machines."""
        return self.processes * self.nodes

    @property
    def zero_stage(self) -> int:
        """Stage of DeepSpeed's ZeRO, 0 without DeepSpeed."""
        return int(self.strategy[-1]) if self.strategy.startswith("deepspeed") else 0

    @property
    def sharded(self) -> bool:
        """Whether weights are divided, so that all processes must call the model the same number of times."""
        return self.strategy == "fsdp2" or self.zero_stage > 0

    def variables(self) -> dict[str, str]:
        """Return the environment variables that keep a single process to what it may see."""
        return {"CUDA_VISIBLE_DEVICES": "" if self.visible == NO_DEVICE else self.visible} if self.visible else {}

    def with_port(self) -> DistributedSettings:
        """Choose the port where it is left open: a free one on one machine, a known one on several."""
        if self.port:
            return self
        return replace(self, port=DEFAULT_PORT if self.nodes > 1 else free_port(self.address))


def free_port(address: str) -> int:
    """Return a port of this machine that nobody listens on at this moment."""
    with socket.socket() as probe:
        probe.bind((address, 0))
        return int(probe.getsockname()[1])
