"""The name of the frozen dataset."""

from __future__ import annotations

from dataclasses import dataclass

from secft.config.setting import setting


@dataclass
class DatasetConfig:
    """Name of the frozen dataset: data/<provider>/<name>-vN."""

    name: str | None = setting(None, about="Null means the names of the sources, joined.")
    provider: str | None = setting(
        None, about="Who wrote the examples; null means the client of the asked model, or the name of the synthesis."
    )
