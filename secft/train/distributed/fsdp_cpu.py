"""FSDP2 on processors: PyTorch divides weights there too, but accelerate would silently use DDP.

accelerate 1.15 looks at FSDP's settings only where there are accelerators. Its preparation of a model does not care
about the device, so its state is told what it did not look at.
"""

from __future__ import annotations

from typing import Any

from secft.errors import TrainingError
from secft.train.distributed.settings import DistributedSettings


def divide_on_cpu(trainer: Any, settings: DistributedSettings) -> None:
    """Let a transformers Trainer on CPUs divide weights by FSDP2; call it before training begins."""
    if settings.strategy != "fsdp2" or settings.device != "cpu" or trainer.is_fsdp_enabled:
        return
    from accelerate import DistributedType, FullyShardedDataParallelPlugin
    from accelerate.state import PartialState

    state = trainer.accelerator.state
    state.fsdp_plugin = FullyShardedDataParallelPlugin(**trainer.args.fsdp_plugin_args)
    state.distributed_type = DistributedType.FSDP
    PartialState._shared_state["distributed_type"] = DistributedType.FSDP
    trainer.is_fsdp_enabled = True


def check_division(trainer: Any, settings: DistributedSettings) -> None:
    """Make sure that weights are divided where they should be.

    Raises:
        TrainingError: the libraries chose something else without saying so.
    """
    if settings.world == 1:
        return
    divided = trainer.is_deepspeed_enabled if settings.zero_stage else trainer.is_fsdp_enabled
    if settings.sharded and not divided:
        raise TrainingError(f"distributed={settings.strategy}: the installed libraries do not divide the weights here")
