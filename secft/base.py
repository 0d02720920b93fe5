"""The base model of a configuration."""

from __future__ import annotations

from functools import lru_cache
from pathlib import Path

from secft.config.schemas.model import ModelConfig
from secft.models import BaseModel, resolve_model

_SOURCES = {"package": "package", "hub": "hub", "tiny": "random"}


def find_base_model(config: ModelConfig) -> BaseModel:
    """Return the base model of a configuration, converting a packaged one on first use.

    Raises:
        ModelNotFoundError: it is not on this machine; the message says where it was looked for.
        MissingExtraError: the package that carries it is not installed.
    """
    return _resolve(config.name, config.kind, config.id, config.path, config.revision, config.license)


@lru_cache(maxsize=8)
def _resolve(name: str, kind: str, hub_id: str, path: str | None, revision: str | None, license_id: str) -> BaseModel:
    return resolve_model(
        name,
        "hub" if path and kind != "package" else _SOURCES[kind],
        path=Path(path) if path else None,
        hub_id=hub_id,
        revision=revision or "main",
        license_id=license_id,
    )
