"""What a crawl keeps: pages as WARC files, a journal while it runs, and an index when it is complete.

``<cache>/<key>/`` belongs to one configuration of a crawl::

    snapshot.jsonl        index of a complete crawl: one line for each page and each refused address, in order
    pages-001.warc.gz     pages as they were fetched, one gzip member each; a later crawl adds files of its own
    journal.jsonl         outcomes of a crawl under way; a killed crawl goes on from here

The index holds the SHA-256 of every page, so it stands for all of them in fingerprints. A later crawl that finds
nothing changed writes the same index again.
"""

from __future__ import annotations

import io
import json
from collections.abc import Mapping
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any, BinaryIO

from secft.dataset.sources.web import WebSource
from secft.dataset.sources.web.record import FetchOutcome, read_body, write_record
from secft.errors import InputError
from secft.files import digest, storage_errors, write_text

INDEX, JOURNAL = "snapshot.jsonl", "journal.jsonl"
_FORMAT = 1
"""Raised when older files could not be read any more."""


def crawl_directory(config: WebSource) -> Path:
    """Return where a crawl keeps its files; settings that lead to other pages lead to another directory."""
    parts = ("seeds", "sitemaps", "allow_domains", "allow_hosts", "max_depth", "max_pages", "max_bytes", "user_agent")
    return Path(config.cache) / digest({"format": _FORMAT, **{part: getattr(config, part) for part in parts}})[:16]


def index_file(config: WebSource) -> Path:
    """Return the index of a crawl; it exists once the crawl is complete."""
    return crawl_directory(config) / INDEX


def read_index(path: Path) -> list[FetchOutcome]:
    """Read the index of a complete crawl.

    Raises:
        InputError: it is damaged.
    """
    rows = _read_lines(path)[0]
    try:
        return [FetchOutcome(**row) for row in rows]
    except TypeError as error:
        raise InputError(f"{path}: damaged ({error}). Delete its folder to crawl again.") from None


def _read_lines(path: Path) -> tuple[list[dict[str, Any]], int]:
    """Return the complete lines of a file and how many bytes they are: a kill may leave half a line at the end."""
    data = path.read_bytes() if path.is_file() else b""
    rows: list[dict[str, Any]] = []
    good = 0
    for line in data.splitlines(keepends=True):
        try:
            row = json.loads(line) if line.endswith(b"\n") else None
        except ValueError:
            row = None
        if not isinstance(row, dict):
            break
        rows.append(row)
        good += len(line)
    return rows, good


class CrawlJournal:
    """The outcomes of a crawl under way, on disk before they are used.

    Attributes:
        known: address -> outcome, of this crawl, before it was stopped too.
        previous: address -> page, of the complete crawl before.
    """

    def __init__(self, directory: Path) -> None:
        self._directory = directory
        with storage_errors(directory):
            directory.mkdir(parents=True, exist_ok=True)
        index = directory / INDEX
        earlier = read_index(index) if index.is_file() else []
        self.previous = {row.url: replace(row, reason="", detail="") for row in earlier if row.file}
        rows, good = _read_lines(directory / JOURNAL)
        self._file = rows[0]["file"] if rows and "file" in rows[0] else self._next_file()
        self.known: dict[str, FetchOutcome] = {row["url"]: FetchOutcome(**row) for row in rows[1:]}
        with storage_errors(directory):
            self._journal: BinaryIO = (directory / JOURNAL).open("ab")
            self._journal.truncate(good if rows else 0)
            if not rows:
                self._line({"file": self._file})
            self._pages: BinaryIO = (directory / self._file).open("ab")
            self._pages.truncate(self._end())
            self._pages.seek(0, io.SEEK_END)

    def _next_file(self) -> str:
        return f"pages-{len(list(self._directory.glob('pages-*.warc.gz'))) + 1:03d}.warc.gz"

    def _end(self) -> int:
        """Return where the last record in the journal ends; what follows was cut off by a kill."""
        return max((row.offset + row.length for row in self.known.values() if row.file == self._file), default=0)

    def _line(self, row: Mapping[str, Any]) -> None:
        self._journal.write(json.dumps(row, ensure_ascii=False).encode() + b"\n")
        self._journal.flush()

    def keep(
        self, outcome: FetchOutcome, headers: Mapping[str, str] | None = None, body: bytes | None = None
    ) -> FetchOutcome:
        """Keep an outcome, and its page where it has one; returns it with the place of the page."""
        with storage_errors(self._directory):
            if body is not None:
                offset = self._pages.tell()
                write_record(self._pages, outcome, headers or {}, body)
                self._pages.flush()
                length = self._pages.tell() - offset
                outcome = replace(outcome, file=self._file, offset=offset, length=length)
            self._line(asdict(outcome))
        self.known[outcome.url] = outcome
        return outcome

    def body(self, outcome: FetchOutcome) -> bytes:
        """Return the page of an outcome."""
        return read_body(self._directory, outcome)

    def close(self) -> None:
        """Close the files; the crawl can go on later."""
        self._journal.close()
        self._pages.close()

    def finish(self, outcomes: list[FetchOutcome]) -> None:
        """Write the index: the crawl is complete."""
        self.close()
        text = "".join(json.dumps(asdict(row), ensure_ascii=False, sort_keys=True) + "\n" for row in outcomes)
        write_text(self._directory / INDEX, text)
        self.discard()

    def discard(self) -> None:
        """Forget the crawl under way."""
        self.close()
        (self._directory / JOURNAL).unlink(missing_ok=True)
        pages = self._directory / self._file
        if pages.is_file() and pages.stat().st_size == 0:
            pages.unlink()
