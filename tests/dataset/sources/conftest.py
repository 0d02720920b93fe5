"""Reading one source in tests."""

from __future__ import annotations

from pathlib import Path

from secft.config.schemas.source import SourceConfig
from secft.dataset import collect
from secft.dataset.sources.source import ReadLog
from secft.records import Document


def read(config: SourceConfig) -> tuple[list[Document], ReadLog]:
    """Return the documents in natural order, and the account of the refusals."""
    log = ReadLog()
    return collect.read_documents(config, log), log


def write(path: Path, content: str | bytes) -> str:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return str(path)
