"""Web pages, local HTML and WARC files: the main text, cut into sections at its headings.

Pages of the network are crawled before a run is named after its inputs (``refresh``): from seeds and sitemaps, within
domains, depth and number of pages, as robots.txt allows, slowly. What was fetched is kept as WARC files under
``cache``; a complete crawl is not repeated unless ``refresh: true`` asks what changed, and a stopped one goes on.
Private and loopback hosts are refused unless ``allow_hosts`` names them. Links deeper than ``max_depth`` are not
looked at; every other address that becomes no page is a counted refusal.

Fields of a document (kind ``guide``, one section of a page): ``section`` (its heading), ``chunk`` (its number in the
page, from 1), ``headings`` (the path of headings above it), ``page_title``, ``language`` and ``date`` as the page gives
them or "", ``parent`` (the page, so that its sections share a split), ``hidden_text`` (the page had text that people do
not see; it was left out), ``replaced_characters`` (that could not be decoded), ``cves``, ``cwes``, ``capecs``,
``techniques`` (named in the text). Crawled pages have ``url`` and ``fetched``, local files have ``path``.
"""

from __future__ import annotations

import importlib.util
from collections.abc import Iterator
from functools import lru_cache
from pathlib import Path

from secft.dataset.sources.reading.input_files import read_input
from secft.dataset.sources.reading.paths import is_refused_link, named_files, parts_of, paths_problems, shown_name
from secft.dataset.sources.source import Reader, ReadLog, reader_of_parts
from secft.dataset.sources.web import WebSource, archive
from secft.dataset.sources.web.crawl import refresh
from secft.dataset.sources.web.pages import RawPage, page_documents
from secft.dataset.sources.web.record import FetchOutcome, read_body
from secft.dataset.sources.web.snapshot import index_file, read_index
from secft.environment import install_command
from secft.errors import FetchRefused, InputError, Problem
from secft.net.addresses import parse_address
from secft.reasons import Reason
from secft.records import Document

SUFFIXES = (".html", ".htm", ".xhtml", ".html.gz", ".htm.gz", *archive.SUFFIXES)
EXPECTED = "an HTML page, plain or gzipped"
CRAWLED = "crawl:"
"""Begins the names of parts that were crawled; alone it stands for the addresses that became no page."""

_PACKAGES = ("lxml", "protego", "trafilatura", "warcio")


@lru_cache(maxsize=4)
def _index(path: Path, modified: int) -> dict[str, FetchOutcome]:
    return {outcome.url: outcome for outcome in read_index(path)}


def _outcomes(config: WebSource) -> dict[str, FetchOutcome]:
    """Return what became of the addresses of the complete crawl.

    Raises:
        InputError: there is none yet.
    """
    path = index_file(config)
    if not path.is_file():
        raise InputError(f"{path}: these sites were not crawled yet; a run does it first.")
    return _index(path, path.stat().st_mtime_ns)


def _is_crawl(config: WebSource) -> bool:
    return bool(config.seeds or config.sitemaps)


def _parts(config: WebSource) -> list[str]:
    local = parts_of(config.paths, SUFFIXES)
    if not _is_crawl(config):
        return local
    pages = [CRAWLED + outcome.url for outcome in _outcomes(config).values() if not outcome.reason]
    return [*local, CRAWLED, *pages]


def _read_part(config: WebSource, part: str, log: ReadLog) -> Iterator[Document]:
    if part == CRAWLED:
        for outcome in _outcomes(config).values():
            if outcome.reason:
                log.refuse(outcome.url, outcome.why, outcome.detail)
    elif part.startswith(CRAWLED):
        outcome = _outcomes(config)[part.removeprefix(CRAWLED)]
        body = read_body(index_file(config).parent, outcome)
        raw = RawPage(outcome.url, body, outcome.content_type, url=outcome.final, fetched=outcome.fetched)
        yield from page_documents(config, raw, log)
    elif is_refused_link(config.paths, part):
        log.refuse(part, Reason("file.link_outside"))
    elif part.lower().endswith(archive.SUFFIXES):
        for raw in archive.archived_pages(config, part, log):
            yield from page_documents(config, raw, log)
    else:
        yield from _read_file(config, part, log)


def _read_file(config: WebSource, part: str, log: ReadLog) -> Iterator[Document]:
    name, size = shown_name(config.paths, part), Path(part).stat().st_size
    if size > config.max_bytes:
        log.refuse(name, Reason("file.too_large"), f"{size:,} bytes, allowed are {config.max_bytes:,}")
        return
    try:
        data = read_input(Path(part), EXPECTED, limit=config.max_bytes)
    except InputError as error:
        log.refuse(name, Reason("file.unreadable"), str(error))
        return
    yield from page_documents(config, RawPage(name, data, path=part), log)


def _external_files(config: WebSource) -> dict[str, Path]:
    files = named_files(config.paths, SUFFIXES)
    if _is_crawl(config):
        _outcomes(config)
        files["crawl"] = index_file(config)
    return files


def _problems(config: WebSource, key: str) -> list[Problem]:
    problems = [
        Problem(key, f"needs the package {package}", remedy=f"Run: {install_command('documents')}")
        for package in _PACKAGES
        if importlib.util.find_spec(package) is None
    ]
    if not _is_crawl(config) and not config.paths:
        problems.append(Problem(key, "names nothing to read", allowed="seeds, sitemaps or paths"))
    for name in ("seeds", "sitemaps"):
        for url in getattr(config, name):
            try:
                parse_address(url)
            except FetchRefused as error:
                problems.append(Problem(f"{key}.{name}", str(error), url))
    return problems + (paths_problems(config.paths, f"{key}.paths") if config.paths else [])


READER: Reader = reader_of_parts(_parts, _read_part, _external_files, _problems, refresh=refresh)
