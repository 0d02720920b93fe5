"""What FSDP2, DeepSpeed and accelerate are given, read by themselves."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import yaml

from secft.train.backends.axolotl.backend import AxolotlBackend
from secft.train.backends.keys import keys_of
from secft.train.backends.llama_factory.backend import LlamaFactoryBackend
from secft.train.distributed.libraries import accelerate_config, deepspeed_json, fsdp_config
from secft.train.distributed.settings import DistributedSettings

TWO_NODES = DistributedSettings("ddp", processes=4, nodes=2, address="10.0.0.5", port=29500)


PAIR = DistributedSettings("ddp", processes=2, timeout=120)


SHARDED = ("fsdp2", "deepspeed_zero1", "deepspeed_zero2", "deepspeed_zero3")


@pytest.mark.parametrize("strategy", ["ddp", *SHARDED])
@pytest.mark.parametrize("device", ["cpu", "cuda"])
def test_accelerate_reads_its_configuration(strategy: Any, device: str, tmp_path: Path) -> None:
    from accelerate.commands.config.config_args import load_config_from_file

    settings = replace(TWO_NODES, strategy=strategy, device=device)
    path = tmp_path / "accelerate.yaml"
    path.write_text(yaml.safe_dump(accelerate_config(settings, "bf16", "deepspeed.json" if "zero" in strategy else "")))
    read = load_config_from_file(str(path))
    assert (read.num_processes, read.num_machines, read.use_cpu) == (8, 2, device == "cpu")
    expected = {"ddp": "MULTI_GPU", "fsdp2": "FSDP"}.get(strategy, "DEEPSPEED")
    assert read.distributed_type.value == expected
    if strategy == "fsdp2":
        from accelerate.commands.launch import launch_command_parser

        known = {key for key in vars(launch_command_parser().parse_args(["x.py"])) if key.startswith("fsdp")}
        assert set(read.fsdp_config) <= known


@pytest.mark.parametrize(("offload", "expected"), [("none", False), ("all", True)])
def test_fsdp_settings_reach_the_plugin(offload: str, expected: bool, tmp_path: Path) -> None:
    from accelerate import FullyShardedDataParallelPlugin
    from transformers import TrainingArguments

    told = fsdp_config(DistributedSettings("fsdp2", processes=2, offload=offload), checkpointing=False)
    arguments = TrainingArguments(str(tmp_path), use_cpu=True, report_to="none", fsdp=True, fsdp_config=dict(told))
    plugin = FullyShardedDataParallelPlugin(**arguments.fsdp_plugin_args)
    assert plugin.fsdp_version == 2
    assert plugin.reshard_after_forward is True
    assert bool(getattr(plugin.cpu_offload, "pin_memory", False)) is expected
    assert plugin.state_dict_type.name == "FULL_STATE_DICT"


@pytest.mark.parametrize("stage", [1, 2, 3])
@pytest.mark.parametrize("offload", ["none", "optimizer", "all"])
def test_deepspeed_accepts_its_configuration(stage: int, offload: str, tmp_path: Path) -> None:
    """Needs the package deepspeed, which is no dependency: it compiles for the GPUs of the machine it is used on."""
    pytest.importorskip("deepspeed", reason="deepspeed is not installed")
    from deepspeed.runtime.config import DeepSpeedConfig
    from transformers import TrainingArguments
    from transformers.integrations.deepspeed import HfTrainerDeepSpeedConfig

    strategy: Any = f"deepspeed_zero{stage}"
    told = deepspeed_json(DistributedSettings(strategy, processes=2, offload=offload))
    filled = HfTrainerDeepSpeedConfig(json.loads(json.dumps(told)))
    arguments = TrainingArguments(str(tmp_path), use_cpu=True, report_to="none", max_steps=3, max_grad_norm=0.5)
    filled.trainer_config_process(arguments)
    filled.trainer_config_finalize(arguments, SimpleNamespace(config=SimpleNamespace(hidden_size=64)), 3)
    read = DeepSpeedConfig(filled.config)
    assert read.zero_optimization_stage == stage
    assert read.gradient_clipping == 0.5
    assert (read.zero_config.offload_optimizer is not None) is (offload != "none")
    assert (read.zero_config.offload_param is not None) is (offload == "all" and stage == 3)


@pytest.mark.parametrize("strategy", ["ddp", *SHARDED])
def test_backends_elsewhere_get_keys_that_they_know(strategy: Any, tmp_path: Path) -> None:
    settings = replace(PAIR, strategy=strategy, port=29501)
    for name, backend in {"axolotl": AxolotlBackend(), "llama_factory": LlamaFactoryBackend()}.items():
        keys = backend.spread(settings, tmp_path)
        assert keys
        assert set(keys) <= keys_of(name)
        assert backend.spread(DistributedSettings(), tmp_path) == {}
