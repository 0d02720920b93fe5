"""Collect the documents of all sources into one file, in shards that an engine makes.

A source of many files is cut into shards of files; another one is one shard. Each shard is sorted when it is written,
and the shards of a source are merged as they are read, so that no source is ever in memory as a whole.
"""

from __future__ import annotations

import heapq
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from functools import lru_cache
from pathlib import Path
from typing import Any

from secft.config.source import SourceConfig
from secft.dataset.chunk import token_counter
from secft.dataset.curation.injection import injection_rules
from secft.dataset.sources.intake import Intake
from secft.dataset.sources.table import VERSION, natural, reader_of
from secft.engine import Engine, InProcess
from secft.engine.shards import Rows, Shard, Task, run_shards
from secft.errors import InputError
from secft.files import digest, plain, read_jsonl, sha256_file, writable, write_jsonl
from secft.records import Document, Tally

DOCUMENTS, REFUSED, SHARDS = "documents.jsonl", "refused.jsonl", "shards"
FILES_PER_SHARD = 32
"""Files of a source that one worker reads in one go."""

INJECTION = "injection"
"""Field with the names of the rules by which a document of any source carries a prompt injection."""

OVER_LIMIT = "over the limit of the source"


@dataclass(frozen=True)
class Piece:
    """What one shard is made of.

    Attributes:
        key: key of the source in the configuration.
        config: the source.
        parts: files to read, or None for a source that is read as a whole.
        tokenizer: directory of the tokenizer that sizes chunks, or None.
    """

    key: str
    config: SourceConfig
    parts: tuple[str, ...] | None
    tokenizer: str | None


def collect(
    configs: Mapping[str, SourceConfig],
    out: Path,
    engine: Engine | None = None,
    tokenizer: Path | None = None,
) -> dict[str, Any]:
    """Read all sources and write ``documents.jsonl`` and ``refused.jsonl``.

    Args:
        configs: sources by their key in the configuration.
        out: an existing or new directory of an unfinished stage; shards that a stopped attempt left there are used.
        engine: on what the shards are made; None makes them here.
        tokenizer: directory of the tokenizer that sizes chunks; None counts about four characters a token.

    Returns:
        ``documents`` (number of all) and ``sources``: per source its number of documents, kind, version, licence,
        URL, how many records were seen, kept and dropped by reason, and ``tagged``: how many documents carry an
        injection, where there are any.

    Raises:
        InputError: an input cannot be used, two documents share an id, or nothing is left of a source.
        StorageError: the disk is full or cannot be written.
    """
    keys = sorted(configs)
    pieces = [piece for key in keys for piece in _pieces(key, configs[key], tokenizer)]
    tasks = (Task(_facts(piece), piece) for piece in pieces)
    made = run_shards(engine or InProcess(), _read_piece, tasks, out / SHARDS)
    shards: dict[str, list[Shard]] = {key: [] for key in keys}
    for piece, shard in zip(pieces, made, strict=True):
        shards[piece.key].append(shard)
    accounts = {key: Account(configs[key]) for key in keys}
    total = write_jsonl(out / DOCUMENTS, _unique(key_rows(accounts, shards)))
    for key in keys:
        if not accounts[key].tally.kept:
            dropped = accounts[key].tally.dropped or "nothing"
            raise InputError(f"source.{key}: no document is left; dropped: {dropped}.")
    write_jsonl(out / REFUSED, ({"source": key, **row} for key in keys for row in accounts[key].refused))
    for file in (out / SHARDS).iterdir():
        file.unlink()
    (out / SHARDS).rmdir()
    return {"documents": total, "sources": {key: accounts[key].summary() for key in keys}}


def read_documents(config: SourceConfig, intake: Intake, key: str | None = None) -> list[Document]:
    """Read one source here, in natural order of ids, at most ``config.limit`` documents.

    Raises:
        InputError: the input cannot be used.
    """
    read = reader_of(key or config.name, config).read(config, intake)
    documents = sorted(read, key=lambda document: natural(document.id))
    kept = documents[: config.limit]
    for document in documents[len(kept) :]:
        intake.refuse(document.id, OVER_LIMIT)
    for _ in kept:
        intake.tally.keep()
    return kept


class Account:
    """What became of the records of one source; filled while its documents pass by."""

    def __init__(self, config: SourceConfig) -> None:
        self.config = config
        self.tally = Tally()
        self.refused: list[dict[str, str]] = []
        self._first: dict[str, Any] | None = None
        self._kinds: dict[str, int] = {}
        self._licenses: dict[str, int] = {}
        self._injected = 0

    def add_refusals(self, shard: Shard) -> None:
        """Count what the readers refused."""
        for row in shard.summary["refused"]:
            self.tally.drop(row["reason"])
            self.refused.append(row)

    def passed(self, rows: Iterable[dict[str, Any]]) -> Iterator[dict[str, Any]]:
        """Yield as many documents as the limit allows, each once where parts may repeat each other; count all."""
        limit = self.config.limit
        for row in self._without_repeats(rows):
            if limit is not None and self.tally.kept >= limit:
                self.tally.drop(OVER_LIMIT)
                self.refused.append({"record": row["id"], "reason": OVER_LIMIT})
                continue
            self.tally.keep()
            self._first = self._first or row
            self._kinds[row["kind"]] = self._kinds.get(row["kind"], 0) + 1
            self._licenses[row["license"]] = self._licenses.get(row["license"], 0) + 1
            self._injected += bool(row["fields"].get(INJECTION))
            yield row

    def _without_repeats(self, rows: Iterable[dict[str, Any]]) -> Iterator[dict[str, Any]]:
        reason = reader_of(self.config.name, self.config).repeats
        seen: set[str] = set()
        for row in rows:
            if reason and row["id"] in seen:
                self.tally.drop(reason)
                self.refused.append({"record": row["id"], "reason": reason, "detail": row["path"]})
                continue
            if reason:
                seen.add(row["id"])
            yield row

    def summary(self) -> dict[str, Any]:
        """Return the counts, and what the first document says about its source."""
        first = self._first or {}
        return {
            "documents": self.tally.kept,
            "kind": ", ".join(sorted(self._kinds)),
            "version": first.get("source_version", ""),
            "license": "; ".join(sorted(self._licenses)),
            "url": reader_of(self.config.name, self.config).home or first.get("url", ""),
            "seen": self.tally.seen,
            "kept": self.tally.kept,
            "dropped": dict(sorted(self.tally.dropped.items())),
            **({"tagged": {INJECTION: self._injected}} if self._injected else {}),
        }


def key_rows(accounts: Mapping[str, Account], shards: Mapping[str, list[Shard]]) -> Iterator[dict[str, Any]]:
    """Yield the documents of all sources, source by source, each in natural order of ids."""
    for key, account in accounts.items():
        for shard in shards[key]:
            account.add_refusals(shard)
        streams = [read_jsonl(shard.path) for shard in shards[key]]
        yield from account.passed(heapq.merge(*streams, key=lambda row: natural(row["id"])))


def _pieces(key: str, config: SourceConfig, tokenizer: Path | None) -> Iterator[Piece]:
    reader = reader_of(key, config)
    place = str(tokenizer) if tokenizer else None
    if reader.parts is None:
        yield Piece(key, config, None, place)
        return
    parts = reader.parts(config)
    for start in range(0, max(len(parts), 1), FILES_PER_SHARD):
        yield Piece(key, config, tuple(parts[start : start + FILES_PER_SHARD]), place)


def _facts(piece: Piece) -> dict[str, Any]:
    """Return everything that decides about the documents of a piece."""
    reader = reader_of(piece.key, piece.config)
    files = {label: str(path) for label, path in reader.external_files(piece.config).items()}
    wanted = {label: path for label, path in files.items() if piece.parts is None or path in piece.parts}
    return {
        "version": (VERSION, reader.version),
        "config": plain(piece.config),
        "parts": piece.parts,
        "files": {label: sha256_file(Path(path)) for label, path in (wanted or files).items()},
        "tokenizer": piece.tokenizer,
    }


@lru_cache(maxsize=2)
def _counter(directory: str | None) -> Any:
    return token_counter(Path(directory) if directory else None)


def _read_piece(piece: Piece) -> Rows:
    """Read a piece; runs in any process."""
    reader = reader_of(piece.key, piece.config)
    intake = Intake(count_tokens=_counter(piece.tokenizer))
    if piece.parts is None or reader.read_part is None:
        found = list(reader.read(piece.config, intake))
    else:
        found = [document for part in piece.parts for document in reader.read_part(piece.config, part, intake)]
    found.sort(key=lambda document: natural(document.id))
    rows = (replace(one, path=writable(one.path), digest=_digest(one)) for one in map(_tagged, found))
    return rows, lambda: {"refused": intake.refused}


def _tagged(document: Document) -> Document:
    """Return a document with the rules by which it carries a prompt injection; most carry none and stay as they are."""
    rules = injection_rules(f"{document.title}\n{document.text}")
    return replace(document, fields={**document.fields, INJECTION: rules}) if rules else document


def _digest(document: Document) -> str:
    return digest({"title": document.title, "text": document.text, "fields": document.fields})


def _unique(rows: Iterable[dict[str, Any]]) -> Iterator[dict[str, Any]]:
    """Yield rows; two with the same id cannot be told apart later.

    Raises:
        InputError: an id comes twice.
    """
    seen: dict[str, str] = {}
    for row in rows:
        if row["id"] in seen:
            raise InputError(f"document {row['id']} comes twice: from {seen[row['id']]} and {row['source']}.")
        seen[row["id"]] = row["source"]
        yield row
