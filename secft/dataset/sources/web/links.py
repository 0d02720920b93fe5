"""What a page says about other pages: its links and its canonical address."""

from __future__ import annotations

from dataclasses import dataclass

from secft.dataset.sources.web import WebSource
from secft.dataset.sources.web.addresses import host_of, normal_address
from secft.dataset.sources.web.decode import decode_page, parse_page

MAX_LINKS = 5000
"""Most links taken from one page."""
_PAGE_TYPES = ("text/html", "application/xhtml+xml")


@dataclass(frozen=True)
class Links:
    """Where a page leads to, and which address it calls its own; all in normal form."""

    found: frozenset[str]
    canonical: str = ""


NOWHERE = Links(frozenset())


def visited_domains(config: WebSource) -> frozenset[str]:
    """Return the domains that may be visited: the configured ones, or the hosts of the seeds and sitemaps."""
    if config.allow_domains:
        return frozenset(domain.lower().strip(".") for domain in config.allow_domains)
    starts = (normal_address(url) for url in [*config.seeds, *config.sitemaps])
    return frozenset(host_of(url) for url in starts if url)


def is_page(content_type: str, body: bytes) -> bool:
    """Tell by its Content-Type, or without one by its beginning, whether an answer is a page."""
    kind = content_type.partition(";")[0].strip().lower()
    if kind:
        return kind in _PAGE_TYPES
    return b"<html" in body[:2048].lower() or b"<!doctype html" in body[:2048].lower()


def links_of(body: bytes, content_type: str, url: str) -> Links:
    """Return where a page leads to; links that are marked ``nofollow`` and meta refresh are not followed.

    Args:
        body: the page.
        content_type: its Content-Type header.
        url: where it came from.

    Raises:
        BadPage: not HTML, or too many elements.
    """
    tree = parse_page(decode_page(body, content_type)[0])
    base = next((normal_address(item.get("href", ""), url) for item in tree.iter("base")), None) or url
    found: set[str] = set()
    for link in tree.iter("a"):
        address = normal_address(link.get("href", "").strip() or "#", base)
        if address and link.get("href") and "nofollow" not in link.get("rel", "").lower().split():
            found.add(address)
        if len(found) >= MAX_LINKS:
            break
    canonical = next(
        (item.get("href", "") for item in tree.iter("link") if item.get("rel", "").lower() == "canonical"), ""
    )
    own = normal_address(canonical, base) if canonical else None
    return Links(frozenset(found), own or "")
