"""Pages of WARC files, plain or gzipped, as other crawlers write them."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from secft.dataset.sources.reading.paths import shown_name
from secft.dataset.sources.source import ReadLog
from secft.dataset.sources.web import WebSource
from secft.dataset.sources.web.addresses import normal_address
from secft.dataset.sources.web.links import is_page
from secft.dataset.sources.web.pages import RawPage
from secft.reasons import Reason

SUFFIXES = (".warc", ".warc.gz")


def archived_pages(config: WebSource, path: str, log: ReadLog) -> Iterator[RawPage]:
    """Yield the pages of a WARC file; other records are passed over, broken ones and copies are counted refusals."""
    from warcio.archiveiterator import ArchiveIterator

    seen: set[str] = set()
    try:
        with Path(path).open("rb") as stream:
            for record in ArchiveIterator(stream):
                if record.rec_type != "response" or record.http_headers is None:
                    continue
                page = _page(config, path, record)
                if page is None:
                    continue
                if page.name in seen:
                    log.refuse(page.name, Reason("web.same_page"), f"a second time in {path}")
                    continue
                seen.add(page.name)
                yield page
    except Exception as error:  # noqa: BLE001  # what the library raises on broken records is not documented
        said = f"{type(error).__name__}: {error}"[:300]
        log.refuse(shown_name(config.paths, path), Reason("web.broken_archive"), said)


def _page(config: WebSource, path: str, record: object) -> RawPage | None:
    headers = record.http_headers  # type: ignore[attr-defined]
    url = normal_address(record.rec_headers.get_header("WARC-Target-URI") or "")  # type: ignore[attr-defined]
    if headers.get_statuscode() != "200" or url is None:
        return None
    content_type = headers.get_header("Content-Type") or ""
    data = record.content_stream().read(config.max_bytes + 1)  # type: ignore[attr-defined]
    if not is_page(content_type, data):
        return None
    fetched = record.rec_headers.get_header("WARC-Date") or ""  # type: ignore[attr-defined]
    return RawPage(f"{shown_name(config.paths, path)}:{url}", data, content_type, url=url, path=path, fetched=fetched)
