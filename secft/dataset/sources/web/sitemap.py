"""Sitemaps: the pages that a site names itself, and indexes of further sitemaps.

Own code: trafilatura.sitemaps fetches by itself, past the guards against private addresses, and without limits.
"""

from __future__ import annotations

import zlib
from collections.abc import Iterator
from dataclasses import dataclass

from secft.dataset.sources.reading.xml import XmlError, local_name, outermost, xml_head
from secft.dataset.sources.web.decode import BadPage
from secft.reasons import Reason

MAX_BYTES = 50 << 20
"""Largest sitemap after decompression, as the protocol (sitemaps.org) allows."""
MAX_SITEMAPS = 500
"""Most sitemaps of one crawl."""

_GZIP_MAGIC = b"\x1f\x8b"


@dataclass(frozen=True)
class Sitemap:
    """What a sitemap names: pages, or further sitemaps where it is an index."""

    pages: tuple[str, ...]
    sitemaps: tuple[str, ...]


def read_sitemap(data: bytes) -> Sitemap:
    """Read a sitemap or an index of sitemaps, plain or gzipped.

    Raises:
        BadPage: too large, or not a sitemap.
    """
    unpacked = _unpacked(data)
    try:
        root = xml_head(unpacked, doctype=True).root
        entries = list(_addresses(unpacked)) if root in ("sitemapindex", "urlset") else []
    except XmlError as error:
        raise BadPage(Reason("web.not_sitemap"), str(error)[:200]) from None
    if root == "sitemapindex":
        return Sitemap((), tuple(entries))
    if root == "urlset":
        return Sitemap(tuple(entries), ())
    raise BadPage(Reason("web.not_sitemap"), f"its root element is {root[:80]!r}")


def _addresses(data: bytes) -> Iterator[str]:
    """Yield the addresses of the entries, which stand two levels below the root."""
    for entry in outermost(data, ("url", "sitemap")):
        for item in entry:
            address = (item.text or "").strip() if local_name(item.tag) == "loc" else ""
            if address:
                yield address


def _unpacked(data: bytes) -> bytes:
    if not data.startswith(_GZIP_MAGIC):
        return data
    try:
        unpacked = zlib.decompressobj(zlib.MAX_WBITS | 16).decompress(data, MAX_BYTES + 1)
    except zlib.error as error:
        raise BadPage(Reason("web.not_sitemap"), f"broken gzip ({error})") from None
    if len(unpacked) > MAX_BYTES:
        raise BadPage(Reason("web.not_sitemap"), f"larger than {MAX_BYTES:,} bytes")
    return unpacked
