"""The root schema of each command that is no run: what ``conf/<command>.yaml`` fills."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Generic, TypeVar

from secft.config.run import PathsConfig, RunConfig

C = TypeVar("C")


@dataclass(frozen=True)
class Root(Generic[C]):
    """Where the configuration of a command begins.

    Attributes:
        name: of the file in conf, without its suffix.
        schema: its type.
    """

    name: str
    schema: type[C]


@dataclass
class PlacesConfig:
    """A command that looks at what is there: places, and nothing else."""

    paths: PathsConfig = field(default_factory=PathsConfig)


RUN = Root("run", RunConfig)
