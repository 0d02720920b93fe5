"""Shards: files of rows that are made once, named by their content, and found again after a stop.

A shard is made beside its place, then renamed to ``<name>-<digest>.jsonl``; its marker ``<name>.json`` is written
last. A marker whose file is there means: this shard is done, whoever did it. Names are digests of everything that
decides about the rows, so a shard of other inputs is never taken for it.
"""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from secft.errors import InputError
from secft.executor import Executor
from secft.files import digest, plain, read_json, sha256_file, storage_errors, write_json
from secft.integrity import SEAL, seal_holds, sealed
from secft.log import warn

_NAME_LENGTH = 32


@dataclass(frozen=True)
class ShardTask:
    """What makes one shard.

    Attributes:
        facts: everything that decides about its rows; plain values.
        argument: what the work is given; it travels by pickle.
    """

    facts: Mapping[str, Any]
    argument: Any

    @property
    def name(self) -> str:
        """The name of the shard."""
        return digest(self.facts)[:_NAME_LENGTH]


@dataclass(frozen=True)
class Shard:
    """A finished file of rows.

    Attributes:
        path: JSONL file.
        rows: number of rows.
        digest: SHA-256 of the file.
        summary: what the work says about it.
        found: it was there already.
    """

    path: Path
    rows: int
    digest: str
    summary: dict[str, Any]
    found: bool = False


Rows = tuple[Iterable[Any], Callable[[], Mapping[str, Any]]]
"""Rows to be written, and a function that is called after the last one and returns what is to be said about them.

A row that is a text is written as it is: one line of JSON.
"""


@dataclass(frozen=True)
class _Job:
    name: str
    argument: Any
    work: Callable[[Any], Rows]
    directory: str


def run_shards(
    executor: Executor, work: Callable[[Any], Rows], tasks: Iterable[ShardTask], directory: Path
) -> Iterator[Shard]:
    """Make the shards that are not there yet, and yield all of them in the order of the tasks.

    Args:
        executor: on what they are made.
        work: a function of a module that returns rows and their summary.
        tasks: what makes each one.
        directory: where shards and markers are kept; every worker must see it.

    Raises:
        StorageError: the disk is full or cannot be written.
    """
    with storage_errors(directory):
        directory.mkdir(parents=True, exist_ok=True)
    jobs = (_Job(task.name, task.argument, work, str(directory)) for task in tasks)
    yield from executor.map(_make, jobs)


def _make(job: _Job) -> Shard:
    directory = Path(job.directory)
    found = _find(directory, job.name)
    if found is not None:
        return found
    rows, summary = job.work(job.argument)
    temporary = directory / f".{job.name}.{os.getpid()}.tmp"
    with storage_errors(temporary):
        count = _write(temporary, rows)
        file_digest = sha256_file(temporary)
        path = directory / f"{job.name}-{file_digest[:_NAME_LENGTH]}.jsonl"
        temporary.replace(path)
    told = dict(plain(summary()))
    write_json(
        directory / f"{job.name}.json",
        sealed({"file": path.name, "rows": count, "sha256": file_digest, "summary": told}),
    )
    return Shard(path, count, file_digest, told)


def _write(path: Path, rows: Iterable[Any]) -> int:
    count = 0
    with path.open("w", encoding="utf-8") as stream:
        for row in rows:
            line = row if isinstance(row, str) else json.dumps(plain(row), ensure_ascii=False, allow_nan=False)
            stream.write(line + "\n")
            count += 1
        stream.flush()
        os.fsync(stream.fileno())
    return count


def _find(directory: Path, name: str) -> Shard | None:
    """Return a shard whose marker and file are there and agree; damage is told."""
    if not (directory / f"{name}.json").is_file():
        return None
    try:
        marker = read_json(directory / f"{name}.json")
        path = directory / str(marker["file"])
        whole = SEAL in marker and seal_holds(marker)
        if whole and path.parent == directory and sha256_file(path) == marker["sha256"]:
            return Shard(path, int(marker["rows"]), str(marker["sha256"]), dict(marker["summary"]), found=True)
    except (InputError, OSError, KeyError, TypeError, ValueError):
        pass
    warn(f"{directory / name} is damaged: it changed since it was written; it is not used and made again")
    return None
