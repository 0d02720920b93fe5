"""Collect the documents of all sources into one file, in shards that an executor makes.

A source of many files is cut into shards of files; another one is one shard. Each shard is sorted when it is written,
and the shards of a source are merged as they are read, so that no source is ever in memory as a whole. A shard holds
its documents first and then one row for each record that its reader refused.
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterable, Iterator, Mapping
from itertools import islice
from pathlib import Path
from typing import Any

from secft.config.schemas.curation import SecretsConfig
from secft.config.schemas.source import SourceConfig
from secft.dataset.limited_reading import PieceContents, SourceShard
from secft.dataset.natural import natural
from secft.dataset.seen import SeenIds
from secft.dataset.sorting import merged_rows, row_id, sorted_lines
from secft.dataset.source_summary import OVER_LIMIT, SourceSummary
from secft.dataset.sources.source import ReadLog
from secft.dataset.sources.table import reader_of, source_of
from secft.errors import InputError, Problem
from secft.executor import Executor, InProcess
from secft.executor.shards import Rows, Shard, ShardTask, run_shards
from secft.files import json_line, plain, sha256_file, storage_errors, write_jsonl
from secft.progress import counted
from secft.reasons import counted_text
from secft.records import Document

DOCUMENTS, REFUSED, SHARDS = "documents.jsonl", "refused.jsonl", "shards"
FILES_PER_SHARD = 32
"""Files of a source that one worker reads in one go."""

VERSION = 7
"""Raised when the same inputs would give other documents."""

SHARD_LAYOUT = 5
"""Raised when shards that a stopped attempt left could not be read any more."""


def problems(configs: Mapping[str, SourceConfig]) -> list[Problem]:
    """Return what is missing on this machine for any of the sources; reads no content."""
    return [
        problem
        for key, config in configs.items()
        for problem in reader_of(key, config).problems(config, f"source.{key}")
    ]


def external_files(configs: Mapping[str, SourceConfig]) -> dict[str, Path]:
    """Return every input file of the sources as ``<source>/<part>`` -> path, for fingerprints."""
    files = {key: reader_of(key, config).external_files(config) for key, config in configs.items()}
    return {f"{key}/{part}": path for key, parts in files.items() for part, path in parts.items()}


def refresh(configs: Mapping[str, SourceConfig]) -> None:
    """Bring what the sources read from the network onto this machine; what is there already is not asked for again.

    Raises:
        InputError: a server refuses, or cannot be reached.
    """
    for key, config in sorted(configs.items()):
        reader = reader_of(key, config)
        if reader.refresh is not None:
            reader.refresh(config)


def collect(
    configs: Mapping[str, SourceConfig],
    out: Path,
    executor: Executor | None = None,
    tokenizer: Path | None = None,
    secrets: SecretsConfig | None = None,
) -> dict[str, Any]:
    """Read all sources and write ``documents.jsonl`` and ``refused.jsonl``.

    Args:
        configs: sources by their key in the configuration.
        out: an existing or new directory of an unfinished stage; shards that a stopped attempt left there are used.
        executor: on what the shards are made; None makes them here.
        tokenizer: directory of the tokenizer that sizes chunks; None counts about four characters a token.
        secrets: what is replaced by placeholders; None takes the defaults.

    Returns:
        ``documents`` (number of all) and ``sources``: per source its number of documents, kind, version, licence,
        URL, how many records were seen, kept and dropped by reason, and where there are any ``tagged``: how many
        documents carry an injection, ``scrubbed``: what was replaced by placeholders, by kind, and ``unused``: how
        often something of a kept record was not used, by reason.

    Raises:
        InputError: an input cannot be used, two documents share an id, or nothing is left of a source.
        StorageError: the disk is full or cannot be written.
    """
    keys, scratch, secrets = sorted(configs), (out / SHARDS).absolute(), secrets or SecretsConfig()
    pieces = [piece for key in keys for piece in _pieces(key, configs[key], tokenizer, scratch, secrets)]
    tasks = (ShardTask(_facts(piece), piece) for piece in pieces)
    made = run_shards(executor or InProcess(), _read_piece, tasks, scratch)
    shards: dict[str, list[Shard]] = {key: [] for key in keys}
    for piece, shard in zip(pieces, made, strict=True):
        shards[piece.key].append(shard)
    with storage_errors(out / REFUSED), (out / REFUSED).open("w", encoding="utf-8") as refused:

        def refuse(row: Mapping[str, Any]) -> None:
            refused.write(json_line(row) + "\n")

        summaries = {key: SourceSummary(key, configs[key], refuse) for key in keys}
        total = write_jsonl(out / DOCUMENTS, _unique(summaries, shards, scratch))
    for key in keys:
        if not summaries[key].tally.kept:
            dropped = counted_text(summaries[key].tally.dropped) or "nothing"
            raise InputError(f"source.{key}: no document is left; dropped: {dropped}.")
    shutil.rmtree(scratch)
    return {"documents": total, "sources": {key: summaries[key].summary() for key in keys}}


def read_documents(config: SourceConfig, log: ReadLog, key: str | None = None) -> list[Document]:
    """Read one source here, in natural order of ids, at most ``config.limit`` documents.

    Raises:
        InputError: the input cannot be used.
    """
    read = reader_of(key or config.name, config).read(config, log)
    documents = sorted(read, key=lambda document: natural(document.id))
    kept = documents[: config.limit]
    for document in documents[len(kept) :]:
        log.refuse(document.id, OVER_LIMIT)
    for _ in kept:
        log.tally.keep()
    return kept


def _unique(summaries: Mapping[str, SourceSummary], shards: Mapping[str, list[Shard]], scratch: Path) -> Iterator[str]:
    """Yield the documents of all sources, source by source, each in natural order of ids.

    Raises:
        InputError: an id comes twice: two such documents cannot be told apart later.
    """
    seen = SeenIds() if len(summaries) > 1 else None
    for key, summary in summaries.items():
        for shard in shards[key]:
            summary.add(shard)
        rows = merged_rows([(shard.path, shard.summary["documents"]) for shard in shards[key]], natural, scratch)
        for (_, identifier, line), again in summary.passed(rows):
            if again or (seen is not None and not seen.add(identifier)):
                before = _source_of(identifier, [shard for one in summaries for shard in shards[one]])
                raise InputError(f"document {identifier} comes twice: from {before} and {json.loads(line)['source']}.")
            yield line


def _source_of(identifier: str, shards: Iterable[Shard]) -> str:
    """Return the source of the first document with an id; read again only to tell it."""
    for shard in shards:
        with shard.path.open(encoding="utf-8") as stream:
            for line in islice(stream, shard.summary["documents"]):
                if row_id(line) == identifier:
                    return str(json.loads(line)["source"])
    return "another source"


def _pieces(
    key: str, config: SourceConfig, tokenizer: Path | None, scratch: Path, secrets: SecretsConfig
) -> Iterator[SourceShard]:
    reader = reader_of(key, config)
    place = str(tokenizer) if tokenizer else None
    if reader.parts is None:
        yield SourceShard(key, config, None, place, str(scratch), secrets)
        return
    parts = reader.parts(config)
    for start in range(0, max(len(parts), 1), FILES_PER_SHARD):
        yield SourceShard(key, config, tuple(parts[start : start + FILES_PER_SHARD]), place, str(scratch), secrets)


def _facts(piece: SourceShard) -> dict[str, Any]:
    """Return everything that decides about the documents of a piece."""
    reader = reader_of(piece.key, piece.config)
    files = {label: str(path) for label, path in reader.external_files(piece.config).items()}
    wanted = {label: path for label, path in files.items() if piece.parts is None or path in piece.parts}
    return {
        "version": (VERSION, source_of(piece.key, piece.config).version, SHARD_LAYOUT),
        "config": plain(piece.config),
        "parts": piece.parts,
        "files": {label: sha256_file(Path(path)) for label, path in (wanted or files).items()},
        "tokenizer": piece.tokenizer,
        "secrets": plain(piece.secrets),
    }


def _read_piece(piece: SourceShard) -> Rows:
    """Read a piece; runs in any process."""
    found = PieceContents(piece.secrets)
    read = counted(found.lines(piece), f"documents: {piece.key}", "documents")
    documents = sorted_lines(read, natural, Path(piece.scratch))

    def rows() -> Iterator[str]:
        yield from documents
        yield from map(json_line, found.refused())

    return rows(), found.summary
