"""What PyTorch's FSDP2, DeepSpeed and accelerate are told, in their own words."""

from __future__ import annotations

from typing import Any

from secft.train.distributed.settings import DistributedSettings

AUTO_SIZES = ("train_batch_size", "train_micro_batch_size_per_gpu", "gradient_accumulation_steps", "gradient_clipping")


def deepspeed_json(settings: DistributedSettings) -> dict[str, Any]:
    """Return DeepSpeed's configuration; ``auto`` is filled in by transformers from the training's own settings."""
    stage = settings.zero_stage
    zero: dict[str, Any] = {
        "stage": stage,
        "contiguous_gradients": True,
        "overlap_comm": settings.device == "cuda",
        "reduce_bucket_size": "auto",
    }
    if settings.offload != "none":
        zero["offload_optimizer"] = {"device": "cpu", "pin_memory": settings.device == "cuda"}
    if stage == 3:
        zero |= {
            "stage3_prefetch_bucket_size": "auto",
            "stage3_param_persistence_threshold": "auto",
            "stage3_gather_16bit_weights_on_model_save": True,
        }
        if settings.offload == "all":
            zero["offload_param"] = {"device": "cpu", "pin_memory": settings.device == "cuda"}
    values: dict[str, Any] = dict.fromkeys(AUTO_SIZES, "auto")
    values |= {"bf16": {"enabled": "auto"}, "zero_optimization": zero, "zero_allow_untested_optimizer": True}
    if settings.offload != "none":
        # Only DeepSpeed's own optimizer steps where the states are; it is compiled on first use.
        names = ("lr", "betas", "eps", "weight_decay")
        values["optimizer"] = {"type": "AdamW", "params": dict.fromkeys(names, "auto")}
    return values


def fsdp_config(settings: DistributedSettings, *, checkpointing: bool) -> dict[str, Any]:
    """Return the ``fsdp_config`` of transformers' TrainingArguments.

    Args:
        settings: how the training is spread.
        checkpointing: recompute activations.
    """
    return {
        "version": 2,
        "auto_wrap_policy": "TRANSFORMER_BASED_WRAP",
        "reshard_after_forward": True,
        "cpu_offload": settings.offload == "all",
        "cpu_ram_efficient_loading": False,
        "state_dict_type": "FULL_STATE_DICT",
        "activation_checkpointing": checkpointing,
    }


def accelerate_config(settings: DistributedSettings, precision: str, deepspeed_file: str) -> dict[str, Any]:
    """Return the configuration file of ``accelerate launch`` for the first machine.

    Args:
        settings: how the training is spread, its port chosen.
        precision: bf16 or fp32.
        deepspeed_file: DeepSpeed's configuration; "" without DeepSpeed.
    """
    values: dict[str, Any] = {
        "compute_environment": "LOCAL_MACHINE",
        # accelerate starts several processes on a CPU by MPI only, unless it is told that these are GPUs.
        "distributed_type": "MULTI_GPU",
        "use_cpu": settings.device == "cpu",
        "num_machines": settings.nodes,
        "num_processes": settings.world,
        "machine_rank": 0,
        "main_process_ip": settings.address,
        "main_process_port": settings.port,
        "main_training_function": "main",
        "rdzv_backend": "static",
        "same_network": True,
        "mixed_precision": "bf16" if precision == "bf16" else "no",
    }
    if settings.zero_stage:
        parts = {"deepspeed_config_file": deepspeed_file, "deepspeed_multinode_launcher": "standard"}
        # The file says the precision, and accelerate accepts it in one place only.
        del values["mixed_precision"]
        return {**values, "distributed_type": "DEEPSPEED", "deepspeed_config": {**parts, "zero3_init_flag": False}}
    if settings.strategy == "fsdp2":
        parts = {f"fsdp_{key}": value for key, value in fsdp_config(settings, checkpointing=False).items()}
        parts["fsdp_offload_params"] = parts.pop("fsdp_cpu_offload")
        return {**values, "distributed_type": "FSDP", "fsdp_config": parts}
    return values
