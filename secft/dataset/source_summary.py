"""What became of the records of a source: counted in each shard, and again while the shards are merged."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any

from secft.config.schemas.curation import SecretsConfig
from secft.config.schemas.source import SourceConfig
from secft.dataset.curation.document_scrub import SCRUBBED, scrub_document
from secft.dataset.curation.injection import injection_rules
from secft.dataset.sorting import Row, with_repeats
from secft.dataset.sources.table import source_of
from secft.executor.shards import Shard
from secft.files import digest, plain, plain_line, writable
from secft.reasons import Reason, read_reason
from secft.records import Document, Tally

INJECTION = "injection"
"""Field with the names of the rules by which a document of any source carries a prompt injection."""

OVER_LIMIT = Reason("record.over_limit")

Refuse = Callable[[Mapping[str, Any]], None]
"""Told of each record that becomes no document: ``record``, ``reason``, and ``detail`` where there is one.

A row with a ``count`` stands for so many records that have no row of their own.
"""


class ShardContents:
    """What a piece holds; filled while its documents pass by."""

    def __init__(self, secrets: SecretsConfig) -> None:
        self._secrets = secrets
        self._kinds: Counter[str] = Counter()
        self._licenses: Counter[str] = Counter()
        self._injected = 0
        self._scrubbed: Counter[str] = Counter()
        self._bytes = 0

    def line(self, read: Document) -> str:
        """Return a document as a line: scrubbed, with its digest and the rules by which it carries an injection."""
        rules = injection_rules(f"{read.title}\n{read.text}")
        document, replaced = scrub_document(read, self._secrets)
        self._scrubbed += replaced
        row: dict[str, Any] = plain(document)
        if rules:
            row["fields"][INJECTION] = rules
        row["path"] = writable(document.path)
        row["digest"] = digest({"title": row["title"], "text": row["text"], "fields": row["fields"]})
        self._kinds[document.kind] += 1
        self._licenses[document.license] += 1
        self._injected += bool(row["fields"].get(INJECTION))
        line = plain_line(row)
        self._bytes += (len(line) if line.isascii() else len(line.encode())) + 1
        return line

    def add(self, other: ShardContents) -> None:
        """Count what another part of the piece holds, too."""
        self._kinds += other._kinds
        self._licenses += other._licenses
        self._injected += other._injected
        self._scrubbed += other._scrubbed
        self._bytes += other._bytes

    @property
    def size(self) -> int:
        """Bytes of the lines so far."""
        return self._bytes

    def summary(self) -> dict[str, Any]:
        """Return the counts of documents, and at which byte of the shard they end."""
        return {
            "documents": self._kinds.total(),
            "end": self._bytes,
            "kinds": self._kinds,
            "licenses": self._licenses,
            "injected": self._injected,
            "scrubbed": self._scrubbed,
        }


class SourceSummary:
    """What became of the records of one source; filled while its documents pass by."""

    def __init__(self, key: str, config: SourceConfig, refuse: Refuse) -> None:
        self.config = config
        self.tally = Tally()
        self._key = key
        self._refuse = refuse
        self._repeats = source_of(key, config).repeats
        self._may_drop = config.limit is not None or bool(self._repeats)
        self._first: dict[str, Any] | None = None
        self._kinds: Counter[str] = Counter()
        self._licenses: Counter[str] = Counter()
        self._injected = 0
        self._scrubbed: Counter[str] = Counter()
        self._unused: Counter[str] = Counter()

    def add(self, shard: Shard) -> None:
        """Count what the readers refused, and what they found where all of it will pass."""
        with shard.path.open("rb") as stream:
            stream.seek(shard.summary["end"])
            for line in stream:
                self._drop(json.loads(line))
        self._unused.update(shard.summary["unused"])
        if not self._may_drop:
            self._kinds.update(shard.summary["kinds"])
            self._licenses.update(shard.summary["licenses"])
            self._injected += shard.summary["injected"]
            self._scrubbed.update(shard.summary["scrubbed"])

    def passed(self, rows: Iterable[Row]) -> Iterator[tuple[Row, bool]]:
        """Yield as many documents as the limit allows, and whether one with the same id came before; count all.

        Where parts may repeat each other, a document passes only once.
        """
        limit = self.config.limit
        for row, again in with_repeats(rows):
            if again and self._repeats:
                self._drop({"record": row[1], "reason": str(self._repeats), "detail": json.loads(row[2])["path"]})
            elif limit is not None and self.tally.kept >= limit:
                self._drop({"record": row[1], "reason": str(OVER_LIMIT)})
            else:
                self._keep(row[2])
                yield row, again

    def _keep(self, line: str) -> None:
        self.tally.keep()
        if self._first is not None and not self._may_drop:
            return
        row = json.loads(line)
        self._first = self._first or row
        if self._may_drop:
            self._kinds[row["kind"]] += 1
            self._licenses[row["license"]] += 1
            self._injected += bool(row["fields"].get(INJECTION))
            self._scrubbed.update(row["fields"].get(SCRUBBED, {}))

    def _drop(self, row: dict[str, Any]) -> None:
        self.tally.drop(read_reason(row["reason"]), row.get("count", 1))
        self._refuse({"source": self._key, **row})

    def summary(self) -> dict[str, Any]:
        """Return the counts, and what the first document says about its source."""
        first = self._first or {}
        return {
            "documents": self.tally.kept,
            "kind": ", ".join(sorted(self._kinds)),
            "version": first.get("source_version", ""),
            "license": "; ".join(sorted(self._licenses)),
            "url": source_of(self._key, self.config).home or first.get("url", ""),
            "seen": self.tally.seen,
            "kept": self.tally.kept,
            "dropped": dict(sorted(self.tally.dropped.items())),
            **({"tagged": {INJECTION: self._injected}} if self._injected else {}),
            **({SCRUBBED: dict(sorted(self._scrubbed.items()))} if self._scrubbed else {}),
            **({"unused": dict(sorted(self._unused.items()))} if self._unused else {}),
        }
