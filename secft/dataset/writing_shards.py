"""Examples written by an executor: each worker writes about a part of the documents, by position.

Workers find documents through the index of a store, and read which of them are alike from a file, so that memory does
not grow with the number of documents.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from pathlib import Path

from secft.config.schemas.synthesis import TemplateSynthesis
from secft.dataset.store import DocumentStore
from secft.dataset.templates.writing import Setting
from secft.dataset.writing import SYNTHESIS_VERSION, Tallies, near_ones, pass_records, write_examples
from secft.executor import Workplace
from secft.executor.shards import Rows, ShardTask, run_shards
from secft.files import json_line, plain, read_json, sha256_file, write_json
from secft.records import Example, Tally

NEIGHBOURS = "neighbours.json"
SHARD_LAYOUT = 2
"""Raised when shards that a stopped attempt left could not be read any more."""


@dataclass(frozen=True)
class _WritingShard:
    """The documents that one worker writes about.

    Attributes:
        documents: the file of all documents.
        index: directory of its index.
        content: SHA-256 of the file: what a worker keeps from piece to piece is of this content.
        config: what the templates write, or None where records are passed on.
        neighbours: the file that says which documents are alike, or an empty string.
        only_records: other documents are passed over, not dropped.
        seed: of the run.
        start: position of the first document.
        stop: position after the last one.
    """

    documents: str
    index: str
    content: str
    config: TemplateSynthesis | None
    neighbours: str
    only_records: bool
    seed: int
    start: int
    stop: int


def write_in_shards(
    store: DocumentStore,
    config: TemplateSynthesis | None,
    seed: int,
    tallies: Tallies,
    per_task: Counter[str],
    place: Workplace,
    only_records: bool = False,
) -> Iterator[str]:
    """Yield the lines of the examples of all documents, in their order.

    Args:
        store: the documents.
        config: what the templates write, or None to pass on records.
        seed: seed of the run.
        tallies: task -> documents seen, used and dropped; filled here.
        per_task: task -> examples; filled here.
        place: on what, and where, shards are made.
        only_records: where records are passed on: other documents are passed over, not dropped.
    """
    file, content = str(store.path.absolute()), sha256_file(store.path)
    near = ""
    if config:
        near = str(place.directory.absolute() / NEIGHBOURS)
        write_json(Path(near), near_ones(store, config))
    whole = _WritingShard(
        file, str(store.directory.absolute()), content, config, near, only_records, seed, 0, len(store)
    )
    facts = {
        "version": (SYNTHESIS_VERSION, SHARD_LAYOUT),
        "documents": content,
        "config": plain(config),
        "only_records": only_records,
        "seed": seed,
    }
    tasks = (ShardTask({**facts, "start": one.start, "stop": one.stop}, one) for one in _cut(whole, place.shard_size))
    for shard in run_shards(place.executor, _write_piece, tasks, place.directory):
        for task, counts in shard.summary["tallies"].items():
            tallies.setdefault(task, Tally()).add(Tally(**counts))
        per_task.update(shard.summary["per_task"])
        with shard.path.open(encoding="utf-8", newline="\n") as stream:
            yield from (line.rstrip("\n") for line in stream)


def _cut(piece: _WritingShard, size: int) -> Iterator[_WritingShard]:
    for start in range(piece.start, piece.stop, size):
        yield replace(piece, start=start, stop=min(start + size, piece.stop))


def _write_piece(piece: _WritingShard) -> Rows:
    """Write the examples of a piece; runs in any process."""
    tallies: Tallies = {}
    per_task: Counter[str] = Counter()

    def rows() -> Iterator[str]:
        for example in _examples(piece, tallies):
            per_task[example.task] += 1
            yield json_line(example.record())

    return rows(), lambda: {"tallies": tallies, "per_task": per_task}


def _examples(piece: _WritingShard, tallies: Tallies) -> Iterator[Example]:
    store = _opened(piece.documents, piece.index, piece.content)
    mine = store.rows(piece.start, piece.stop)
    if piece.config is None:
        records = (one for one in mine if one.kind == "record" or not piece.only_records)
        yield from pass_records(records, tallies)
        return
    setting = Setting(piece.config.max_answer_characters, _neighbours(piece.neighbours, piece.content), store)
    yield from write_examples(mine, piece.config, setting, piece.seed, tallies)


@lru_cache(maxsize=1)
def _opened(documents: str, index: str, content: str) -> DocumentStore:
    return DocumentStore.open(Path(documents), Path(index))


@lru_cache(maxsize=1)
def _neighbours(path: str, content: str) -> Mapping[str, Sequence[str]]:
    found: dict[str, list[str]] = read_json(Path(path))
    return found
