"""On what the data stages run."""

from __future__ import annotations

from dataclasses import dataclass

from secft.config.setting import setting


@dataclass
class ExecutorConfig:
    """Processes of this machine, or a Ray cluster; the dataset is the same, byte for byte."""

    name: str = setting("local", about="What runs the shards.", choices=("local", "ray"), internal=True)
    workers: int | None = setting(None, about="Processes; null means one per core.", low=1, internal=True)
    shard_size: int = setting(2000, about="Records in a shard; memory is bounded by it.", low=1, internal=True)
    address: str | None = setting(
        None, about="Ray cluster, for example ray://head:10001; null starts one on this machine.", internal=True
    )
