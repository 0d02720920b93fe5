"""Read a piece of a source in a process with limits: what one file may take grows with its size.

A file that needs more, or that breaks its reader, is a counted refusal; the files beside it are read. Lines are made
in that process, too, so that the rules which look at the texts are within its limits.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path
from typing import Any

from secft.config.schemas.curation import SecretsConfig
from secft.config.schemas.source import SourceConfig
from secft.dataset.chunk import token_counter
from secft.dataset.source_summary import ShardContents
from secft.dataset.sources.reading.paths import shown_name
from secft.dataset.sources.source import ReadLog
from secft.dataset.sources.table import reader_of
from secft.files import writable
from secft.process import Outcome
from secft.process_stream import LimitedItem, stream_limited
from secft.reasons import Reason
from secft.records import Document

SECONDS, SECONDS_PER_BYTE, SECONDS_PER_LINE_BYTE = 20.0, 4 / (1 << 20), 50 / (1 << 20)
"""Of processor time for any part, for each byte of its files, and for each byte of lines that were made of it.

A packed file may hold a hundred times its bytes, and rules in YAML take 2 to 3 seconds for a megabyte of lines: what is
ordinary must pass on a machine that is ten times slower, or the dataset would depend on the machine.
"""
MEMORY, MEMORY_PER_BYTE = 768 << 20, 16
"""Bytes of memory for any part, and for each byte of its files."""
ROWS, BYTES_PER_ROW = 1000, 32
"""Refusals of any part that are listed, and bytes of its files for each further one; others are counted only."""
OUTPUT, OUTPUT_PER_BYTE = 64 << 20, 100
"""Bytes of lines for any part, and for each byte of its files."""
BATCH = 1 << 18
"""Bytes of lines that travel together."""


@dataclass(frozen=True)
class SourceShard:
    """What one shard is made of.

    Attributes:
        key: key of the source in the configuration.
        config: the source.
        parts: files to read, or None for a source that is read as a whole.
        tokenizer: directory of the tokenizer that sizes chunks, or None.
        scratch: directory in which rows are sorted.
        secrets: what is replaced by placeholders.
    """

    key: str
    config: SourceConfig
    parts: tuple[str, ...] | None
    tokenizer: str | None
    scratch: str
    secrets: SecretsConfig


@dataclass(frozen=True)
class _PartTask:
    """What is read in one go: a part of a piece, or with None a whole source; and the bytes of its files."""

    piece: SourceShard
    part: str | None
    size: int


@dataclass
class _PartBatch:
    """Some lines of a part, what they hold, and what was noted meanwhile."""

    contents: ShardContents
    lines: list[str] = field(default_factory=list)
    refused: list[dict[str, str]] = field(default_factory=list)
    unlisted: Counter[str] = field(default_factory=Counter)
    unused: Counter[str] = field(default_factory=Counter)


class PieceContents:
    """What a piece holds; filled while its lines pass by."""

    def __init__(self, secrets: SecretsConfig) -> None:
        self._contents = ShardContents(secrets)
        self._log = ReadLog()

    def lines(self, piece: SourceShard) -> Iterator[str]:
        """Yield a line for each document of a piece, in the order in which they are read.

        Raises:
            SecftError: the reader cannot go on.
        """
        for task, outcome in _read(piece):
            if outcome.value is None:
                reason = Reason(f"process.{outcome.failure or 'failed'}")
                self._log.refuse(_shown(piece, task.part), reason, outcome.detail)
                continue
            batch = outcome.value
            self._contents.add(batch.contents)
            self._log.refused += batch.refused
            self._log.unlisted += batch.unlisted
            self._log.unused += batch.unused
            yield from batch.lines

    def refused(self) -> Iterator[dict[str, Any]]:
        """Yield a row for each refusal, and one with a ``count`` for those of one reason that have none."""
        yield from self._log.refused
        for reason, count in sorted(self._log.unlisted.items()):
            yield {"record": f"{count:,} more", "reason": reason, "count": count}

    def summary(self) -> dict[str, Any]:
        """Return the counts."""
        return {**self._contents.summary(), "unused": dict(sorted(self._log.unused.items()))}


def _read(piece: SourceShard) -> Iterator[tuple[_PartTask, Outcome[_PartBatch]]]:
    """Yield what each part gives, in batches, or why it gives no more."""
    parts = [None] if piece.parts is None else piece.parts
    tasks = [_PartTask(piece, part, _size(piece, part)) for part in parts]
    if reader_of(piece.key, piece.config).isolated:
        for task in tasks:
            yield from ((task, Outcome(batch)) for batch in _batches(task))
        return
    for number, outcome in stream_limited(_batches, [_limited(task) for task in tasks]):
        yield tasks[number], outcome


def _limited(task: _PartTask) -> LimitedItem[_PartTask]:
    seconds, memory = SECONDS + SECONDS_PER_BYTE * task.size, MEMORY + MEMORY_PER_BYTE * task.size
    return LimitedItem(task, seconds, memory, more_seconds=SECONDS_PER_LINE_BYTE * BATCH)


def _size(piece: SourceShard, part: str | None) -> int:
    """Return the bytes of the files of a part; 0 for one that is no file."""
    reader = reader_of(piece.key, piece.config)
    paths = [Path(part)] if part is not None else list(reader.external_files(piece.config).values())
    size = 0
    for path in paths:
        with suppress(OSError, ValueError):
            size += path.stat().st_size
    return size


def _shown(piece: SourceShard, part: str | None) -> str:
    if part is None:
        return piece.key
    paths = getattr(piece.config, "paths", None) or []
    return writable(shown_name(paths, part) if Path(part).exists() else part)


@lru_cache(maxsize=2)
def _counter(directory: str | None) -> Any:
    return token_counter(Path(directory) if directory else None)


def _batches(task: _PartTask) -> Iterator[_PartBatch]:
    """Read a part; runs in a process with limits."""
    log = ReadLog(count_tokens=_counter(task.piece.tokenizer), most_rows=ROWS + task.size // BYTES_PER_ROW)
    most, total, listed = OUTPUT + OUTPUT_PER_BYTE * task.size, 0, 0
    batch = _PartBatch(ShardContents(task.piece.secrets))
    for document in _documents(task, log):
        if total + batch.contents.size > most:
            log.refuse(_shown(task.piece, task.part), Reason("file.too_much"), f"{most:,} bytes are allowed")
            break
        batch.lines.append(batch.contents.line(document))
        if batch.contents.size >= BATCH:
            total, batch.refused, listed = total + batch.contents.size, log.refused[listed:], len(log.refused)
            yield batch
            batch = _PartBatch(ShardContents(task.piece.secrets))
    batch.refused, batch.unlisted, batch.unused = log.refused[listed:], log.unlisted, log.unused
    yield batch


def _documents(task: _PartTask, log: ReadLog) -> Iterator[Document]:
    reader = reader_of(task.piece.key, task.piece.config)
    if task.part is None or reader.read_part is None:
        yield from reader.read(task.piece.config, log)
    else:
        yield from reader.read_part(task.piece.config, task.part, log)
