"""CVE: NVD JSON 2.0 feeds, pages of the NVD API, and CVE JSON 5 records, told apart by their content.

Several entries about one CVE become one document: NVD's before that of the CVE list, then the one changed last; the
others are counted. Rejected and reserved ids become none. Fields of a document: see cve_entry.py.
"""

from __future__ import annotations

import json
import os
import re
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

from secft.dataset.sources.cve import CveSource
from secft.dataset.sources.cve.entry import Entry
from secft.dataset.sources.cve.files import EXPECTED, SUFFIXES, records_of_file
from secft.dataset.sources.cve.nvd import is_nvd, nvd_entry
from secft.dataset.sources.cve.nvd_api import api_problems, download, kept_pages, query_of, require_complete
from secft.dataset.sources.cve.record import is_record, record_entry
from secft.dataset.sources.reading.input_files import expand_paths, paths_problems, refused_links
from secft.dataset.sources.reading.json_values import clean
from secft.dataset.sources.reading.paths import named_files
from secft.dataset.sources.source import Reader, ReadLog
from secft.errors import InputError, Problem
from secft.files import json_line, storage_errors
from secft.reasons import Reason, counted_text
from secft.records import Document

_OTHER = {"CVE_Items": "NVD JSON 1.x, which NVD no longer publishes", "data_type": "CVE JSON 4"}
_NUMBERS = re.compile(r"\d+")


def _pages(config: CveSource) -> dict[str, tuple[Path, str]]:
    """Return name -> (file, when it was fetched) of the pages of the API; empty where the API is not asked."""
    return kept_pages(query_of(config)) if config.api else {}


def _entry(where: str, record: Any, path: str, fetched: str, log: ReadLog) -> Entry | None:
    if isinstance(record, dict) and is_nvd(record):
        return nvd_entry(record, path, fetched)
    if isinstance(record, dict) and is_record(record):
        return record_entry(record, path)
    found = next((name for key, name in _OTHER.items() if isinstance(record, dict) and key in record), "")
    log.refuse(where, Reason("cve.not_record"), found)
    return None


def _entries(config: CveSource, log: ReadLog) -> Iterator[Entry]:
    inputs = [(path, "") for path in (expand_paths(config.paths, SUFFIXES) if config.paths else [])]
    inputs += [(str(path), fetched) for path, fetched in _pages(config).values()]
    for path, fetched in inputs:
        for where, record in records_of_file(path, log):
            # A page's place on the disk says nothing about where an entry comes from.
            entry = _entry(where, record, "" if fetched else clean(path), fetched, log)
            if entry is not None:
                yield entry


@dataclass(frozen=True, slots=True)
class _Kept:
    """What is kept in memory of an entry: where its document stands in a file, or why it is none."""

    rank: tuple[int, str, str]
    place: int | None
    reason: Reason | None
    detail: str


class _Best:
    """The winning entry of every CVE; documents wait in a file, since a feed holds hundreds of thousands."""

    def __init__(self, file: IO[bytes]) -> None:
        self._file = file
        self.kept: dict[str, _Kept] = {}

    def add(self, entry: Entry, log: ReadLog) -> None:
        """Keep an entry if it wins; the order of the files does not matter."""
        other = self.kept.get(entry.id)
        if other is not None:
            preferred = Reason("cve.repeated") if entry.rank == other.rank else Reason("cve.superseded")
            log.refuse(entry.id, preferred)
        if other is None or entry.rank > other.rank:
            self.kept[entry.id] = _Kept(entry.rank, self._written(entry.document), entry.reason, entry.detail)

    def document(self, place: int) -> Document:
        """Return the document that stands at a place of the file."""
        self._file.seek(place)
        return Document(**json.loads(self._file.readline()))

    def _written(self, document: Document | None) -> int | None:
        if document is None:
            return None
        place = self._file.seek(0, os.SEEK_END)
        with storage_errors(Path(tempfile.gettempdir())):
            self._file.write(json_line(document).encode("utf-8", "surrogatepass") + b"\n")
        return place


def _by_number(identifier: str) -> tuple[int, ...]:
    return tuple(int(part) for part in _NUMBERS.findall(identifier))


def _read(config: CveSource, log: ReadLog) -> Iterator[Document]:
    """Yield one document per CVE that is in use.

    Raises:
        InputError: a path does not exist, the download is not complete, or no file holds a CVE record.
    """
    if config.api:
        require_complete(query_of(config))
    for link in refused_links(config.paths, SUFFIXES) if config.paths else ():
        log.refuse(clean(link), Reason("file.link_outside"))
    with tempfile.TemporaryFile() as file:
        best = _Best(file)
        for entry in _entries(config, log):
            best.add(entry, log)
        if not best.kept:
            reasons = counted_text(dict(sorted(log.tally.dropped.items())))
            raise InputError(f"source cve: no record could be read ({reasons or 'no file'}); expected {EXPECTED}.")
        for identifier in sorted(best.kept, key=_by_number):
            kept = best.kept[identifier]
            if kept.place is not None:
                yield best.document(kept.place)
            elif kept.reason is not None:
                log.refuse(identifier, kept.reason, kept.detail)


def _external_files(config: CveSource) -> dict[str, Path]:
    files = named_files(config.paths, SUFFIXES) if config.paths else {}
    return files | {f"api/{name}": path for name, (path, _) in _pages(config).items()}


def _refresh(config: CveSource) -> None:
    if config.api:
        download(query_of(config))


def _problems(config: CveSource, key: str) -> list[Problem]:
    found = paths_problems(config.paths, f"{key}.paths") if config.paths or not config.api else []
    return found + (api_problems(config, key) if config.api else [])


READER = Reader(
    read=_read,
    external_files=_external_files,
    problems=_problems,
    refresh=_refresh,
)
