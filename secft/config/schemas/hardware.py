"""The hardware that trains: what it has, and the settings of training that suit it."""

from __future__ import annotations

from dataclasses import dataclass, fields
from functools import cache
from pathlib import Path
from typing import Any

import yaml
from omegaconf import OmegaConf

from secft.config.setting import setting
from secft.environment import cpu_computes_bf16, cuda_devices

FITTED = ("micro_batch_size", "gradient_checkpointing")
"""Settings of ``trainer`` that the plan may choose by memory: secft/fit.py."""
LARGE_GPU = 60 * 2**30
"""Devices with more memory than this, in bytes, get the settings of cuda80."""


@dataclass
class HardwareConfig:
    """A machine to train on, this one or another that is planned for.

    The second half are defaults: settings of ``trainer`` and ``eval`` that nobody chose take them.
    """

    name: str = setting(about="Which hardware is meant.", choices=("auto", "cpu", "cpu_fp32", "cuda24", "cuda80"))
    device: str = setting("auto", about="auto is cuda where there is one.", choices=("auto", "cpu", "cuda"))
    devices: int | None = setting(None, about="Devices of one machine; null asks this machine.", low=1)
    memory_gib: float | None = setting(None, about="Memory of one device; null asks this machine.", above=0)
    bf16: bool | None = setting(None, about="Whether it computes in bf16; null asks this machine.")
    micro_batch_size: int = setting(2, about="Default of trainer.micro_batch_size.", low=1)
    precision: str = setting("auto", about="Default of trainer.precision.", choices=("auto", "bf16", "fp32"))
    gradient_checkpointing: bool = setting(False, about="Default of trainer.gradient_checkpointing.")
    packing: bool = setting(True, about="Default of trainer.packing, where examples can be packed.")
    compile: str = setting("auto", about="Default of trainer.compile.", choices=("auto", "true", "false"))
    attention: str = setting(
        "auto", about="Default of trainer.attention.", choices=("auto", "eager", "sdpa", "flash_attention_2")
    )
    pass_tokens: int | None = setting(None, about="Default of trainer.pass_tokens.", low=1)
    eval_items: int | None = setting(None, about="Default of eval.most_items.", low=1)
    fitted: list[str] = setting(
        list(FITTED),
        about="Settings of trainer that change, unless you set them, where a GPU has too little memory.",
        choices=FITTED,
        internal=True,
    )


def suited_option() -> str:
    """Return the option that suits this machine: cpu, cpu_fp32, cuda24 or cuda80."""
    devices = cuda_devices()
    if not devices:
        return "cpu" if cpu_computes_bf16() else "cpu_fp32"
    return "cuda80" if min(devices) > LARGE_GPU else "cuda24"


def register_resolver(directory: Path) -> None:
    """Let YAML files take ``${this_machine:<setting>}``: the setting's value in the option that suits this machine.

    Args:
        directory: of the options of the group.
    """
    defaults = {item.name: item.default for item in fields(HardwareConfig)}

    def suited(name: str) -> Any:
        return _option(directory / f"{suited_option()}.yaml").get(name, defaults[name])

    OmegaConf.register_new_resolver("this_machine", suited, replace=True)


@cache
def _option(path: Path) -> dict[str, Any]:
    found: dict[str, Any] = yaml.safe_load(path.read_text(encoding="utf-8"))
    return found
