"""Reports of scanners."""

from __future__ import annotations

from dataclasses import dataclass

from secft.config.schemas.source import SourceConfig
from secft.config.setting import setting
from secft.dataset.sources.source import Reader, Source
from secft.reasons import Reason

REPEATED = Reason("tool_log.repeated")
"""Why a finding is left out that came before, in the same report or another one."""


@dataclass
class ToolLogsSource(SourceConfig):
    """Reports of scanners, recognised by their content, as normalised findings."""

    name: str = "tool_logs"
    paths: list[str] = setting(about="Reports, folders or globs of them.")
    max_bytes: int = setting(256 << 20, about="Larger reports are rejected (bytes).", low=1)
    max_line: int = setting(4 << 20, about="Longer lines of a JSONL report are rejected (bytes).", low=1024)
    license: str = setting("unknown", about="Licence of the reports, for the dataset card.")


def _reader() -> Reader:
    from secft.dataset.sources.tool_logs.reader import READER

    return READER


SOURCE = Source(
    ToolLogsSource,
    kinds=("finding",),
    version=3,
    reader=_reader,
    repeats=REPEATED,
)
