"""On how many processes and machines a model is trained, and what starts them."""

from __future__ import annotations

from dataclasses import dataclass

from secft.config.setting import setting

AUTO = "auto"
"""Decided by the GPUs of this machine and the memory that the training needs (secft/fit.py)."""
STRATEGIES = ("single", AUTO, "ddp", "fsdp2", "deepspeed_zero1", "deepspeed_zero2", "deepspeed_zero3")
LAUNCHERS = ("torchrun", "accelerate", "ray", "slurm")
OFFLOADS = ("none", "optimizer", "all")


@dataclass
class SlurmConfig:
    """What a Slurm job is asked for (launcher=slurm)."""

    partition: str | None = setting(None, about="Partition; null is the cluster's default.", internal=True)
    account: str | None = setting(None, about="Account that is charged.", internal=True)
    time: str = setting("24:00:00", about="Time limit as Slurm writes it.", internal=True)
    cpus_per_process: int = setting(4, about="Cores for each process.", low=1, internal=True)
    grace_seconds: int = setting(300, about="Seconds before the limit at which a checkpoint is asked for.", low=30,
                                 internal=True)  # fmt: skip


@dataclass
class DistributedConfig:
    """How one training is spread over processes.

    A global batch is trainer.micro_batch_size x trainer.gradient_accumulation x processes x nodes rows.
    """

    name: str = setting(
        "single", about="How weights and work are divided; auto uses all GPUs of this machine.", choices=STRATEGIES
    )
    processes: int = setting(1, about="Processes on each machine; one per GPU.", low=1, high=1024)
    nodes: int = setting(1, about="Machines.", low=1, high=4096)
    offload: str = setting("none", about="What is kept in main memory instead of on the GPU.", choices=OFFLOADS)
    launcher: str = setting("torchrun", about="What starts the processes.", choices=LAUNCHERS, internal=True)
    device: str = setting(
        "auto", about="auto is cuda where there is one.", choices=("auto", "cpu", "cuda"), internal=True
    )
    address: str = setting("127.0.0.1", about="Address of the first machine, where all meet.", internal=True)
    port: int | None = setting(
        None, about="Port there; null is a free one on one machine, 29500 on several.", low=1024, high=65535,
        internal=True,
    )  # fmt: skip
    timeout: int = setting(1800, about="Seconds that a process waits for the others.", low=10, internal=True)
    ray_address: str | None = setting(
        None, about="Ray cluster (launcher=ray); null starts one on this machine.", internal=True
    )
    slurm: SlurmConfig = setting(SlurmConfig(), about="What a Slurm job is asked for.")
