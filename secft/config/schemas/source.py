"""Catalogues and feeds that knowledge comes from. Several sources compose: ``source=[cwe,attack]``."""

from __future__ import annotations

from dataclasses import dataclass

from secft.config.setting import setting


@dataclass
class SourceConfig:
    """What every source has."""

    name: str = setting(about="Which reader is used.")
    limit: int | None = setting(None, about="Keep only the first documents, by id.", low=1)
