"""What backends in other environments are told about several processes, in their own keys."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from secft.train.distributed.commands import FOLDER
from secft.train.distributed.engines import fsdp_config
from secft.train.distributed.settings import DistributedSettings


def for_axolotl(settings: DistributedSettings, directory: Path) -> dict[str, Any]:
    """Return the keys of axolotl's YAML; DeepSpeed's file is written by ``write_launch_files``."""
    told: dict[str, Any] = {}
    if settings.strategy == "single":
        return told
    told["ddp_timeout"] = settings.timeout
    if settings.zero_stage:
        return {**told, "deepspeed": str(directory / FOLDER / "deepspeed.json")}
    if settings.strategy == "fsdp2":
        told["fsdp_version"] = 2
        told["fsdp_config"] = {
            "auto_wrap_policy": "TRANSFORMER_BASED_WRAP",
            "reshard_after_forward": True,
            "offload_params": settings.offload == "all",
            "cpu_ram_efficient_loading": False,
            "state_dict_type": "FULL_STATE_DICT",
        }
    return told


def for_llama_factory(settings: DistributedSettings, directory: Path) -> tuple[dict[str, Any], dict[str, str]]:
    """Return the keys of LLaMA-Factory's YAML, and the variables of its process.

    The variables are for its own command line (``llamafactory-cli train``), which starts torchrun itself; a script
    that torchrun starts needs the keys only.
    """
    if settings.strategy == "single":
        return {}, {}
    variables = {
        "FORCE_TORCHRUN": "1",
        "NNODES": str(settings.nodes),
        "NPROC_PER_NODE": str(settings.processes),
        "MASTER_ADDR": settings.address,
        "MASTER_PORT": str(settings.port),
    }
    told: dict[str, Any] = {"ddp_timeout": settings.timeout}
    if settings.zero_stage:
        told["deepspeed"] = str(directory / FOLDER / "deepspeed.json")
    if settings.strategy == "fsdp2":
        # "full_shard" is the word of the transformers that LLaMA-Factory pins; offload is a second word there.
        told["fsdp"] = "full_shard auto_wrap offload" if settings.offload == "all" else "full_shard auto_wrap"
        told["fsdp_config"] = fsdp_config(settings, checkpointing=False)
    return told, variables
