"""Sitemaps: the pages that a site names itself, and indexes of further sitemaps."""

from __future__ import annotations

import zlib
from dataclasses import dataclass

from secft.dataset.sources.web.decode import BadPage

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
    from lxml import etree

    parser = etree.XMLParser(resolve_entities=False, no_network=True, huge_tree=False, load_dtd=False, recover=False)
    try:
        root = etree.fromstring(_unpacked(data), parser=parser)
    except (etree.LxmlError, ValueError) as error:
        raise BadPage("not a sitemap", str(error)[:200]) from None
    found = tuple(
        item.text.strip()
        for entry in root
        if isinstance(entry.tag, str)
        for item in entry
        if isinstance(item.tag, str) and _name(item.tag) == "loc" and item.text and item.text.strip()
    )
    if _name(root.tag) == "sitemapindex":
        return Sitemap((), found)
    if _name(root.tag) == "urlset":
        return Sitemap(found, ())
    raise BadPage("not a sitemap", f"its root element is {_name(root.tag)[:80]!r}")


def _name(tag: str) -> str:
    return tag.rsplit("}", 1)[-1]


def _unpacked(data: bytes) -> bytes:
    if not data.startswith(_GZIP_MAGIC):
        return data
    try:
        unpacked = zlib.decompressobj(zlib.MAX_WBITS | 16).decompress(data, MAX_BYTES + 1)
    except zlib.error as error:
        raise BadPage("not a sitemap", f"broken gzip ({error})") from None
    if len(unpacked) > MAX_BYTES:
        raise BadPage("not a sitemap", f"larger than {MAX_BYTES:,} bytes")
    return unpacked
