"""Open the engine that a configuration names."""

from __future__ import annotations

import importlib.util
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Protocol

from secft.config.engine import EngineConfig
from secft.engine import Engine
from secft.engine.cluster import RayEngine
from secft.engine.local import LocalEngine
from secft.errors import Problem
from secft.lookup import pick


class _Closable(Engine, Protocol):
    def close(self) -> None: ...


ENGINES: Mapping[str, Callable[[EngineConfig], _Closable]] = {
    "local": lambda config: LocalEngine(config.workers),
    "ray": lambda config: RayEngine(config.workers, config.address),
}


@contextmanager
def open_engine(config: EngineConfig) -> Iterator[Engine]:
    """Open an engine, and end its processes when the block is left, Ctrl-C included.

    Raises:
        MissingExtraError: Ray is not installed.
        WorkerError: the cluster cannot be reached.
    """
    engine = pick(ENGINES, config.name, "engine.name")(config)
    try:
        yield engine
    finally:
        engine.close()


def problems(config: EngineConfig, key: str = "engine") -> list[Problem]:
    """Return what is missing on this machine, or contradicts itself."""
    if config.name == "ray" and importlib.util.find_spec("ray") is None:
        return [Problem(f"{key}.name", "needs Ray, which is not installed", "ray",
                        remedy="Install with: pip install 'secft[ray]'.")]  # fmt: skip
    if config.name != "ray" and config.address is not None:
        return [Problem(f"{key}.address", "belongs to engine=ray", config.address, remedy="Add engine=ray.")]
    return []
