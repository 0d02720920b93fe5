"""Trajectories of agents."""

from __future__ import annotations

from dataclasses import dataclass

from secft.config.schemas.source import SourceConfig
from secft.config.setting import setting
from secft.dataset.sources.source import Reader, Source


@dataclass
class AgentRunsSource(SourceConfig):
    """Trajectories of tool-using agents."""

    name: str = "agent_runs"
    paths: list[str] = setting(["storage/agent_runs"], about="JSONL files, folders or globs of them.")
    license: str = setting("unknown", about="Licence of the trajectories, for the dataset card.")


def _reader() -> Reader:
    from secft.dataset.sources.agent_runs.reader import READER

    return READER


SOURCE = Source(
    AgentRunsSource,
    kinds=("trajectory",),
    version=2,
    reader=_reader,
)
