"""One form for each address of a page, and which addresses may be visited."""

from __future__ import annotations

import re
from collections.abc import Collection
from urllib.parse import urljoin

from secft.errors import FetchRefused
from secft.net.addresses import parse_address
from secft.reasons import Reason

_TRACKING = re.compile(
    r"(?i:utm_[a-z_]+|gclid|dclid|fbclid|msclkid|yclid|igshid|mc_[ce]id|_ga|_gl|_hsenc|_hsmi|wt\.mc_id|phpsessid|jsessionid)"
)
_SESSION = re.compile(r";jsessionid=[^/?]*", re.I)
_NOT_PAGES = (
    ".7z .avi .bin .bz2 .css .csv .deb .dmg .doc .docx .epub .exe .gif .gz .ico .iso .jar .jpeg .jpg .js .json .mov "
    ".mp3 .mp4 .msi .odt .ogg .pdf .png .ppt .pptx .ps .rar .rpm .rss .svg .tar .tgz .tif .tiff .ttf .wav .webm .webp"
    " .woff .woff2 .xls .xlsx .xml .xz .zip .zst"
)
NOT_PAGES = tuple(_NOT_PAGES.split())
"""How paths end that are no pages; they are not asked for."""


def normal_address(url: str, base: str = "") -> str | None:
    """Return the one form of an http(s) address, or None if it is not one.

    Lower-case scheme and host, no default port, no fragment, no ``.`` and ``..``, percent-encoded, and without the
    parameters that only track visitors.

    Args:
        url: the address, relative ones too.
        base: address of the page that it stands on.
    """
    try:
        place = parse_address(urljoin(base, url.strip()) if base else url.strip())
    except ValueError:
        return None
    origin = f"{place.scheme}://{place.host_header}"
    path, question, query = place.target.partition("?")
    path = _SESSION.sub("", path)
    if "/." in path and not path.startswith("//"):
        path = urljoin(origin + "/", path)[len(origin) :]
    kept = "&".join(part for part in query.split("&") if not _TRACKING.fullmatch(part.partition("=")[0]))
    return f"{origin}{path}{question if kept else ''}{kept}"


def host_of(url: str) -> str:
    """Return the host of a normal address, without its port."""
    return parse_address(url).host


def is_within(url: str, domains: Collection[str]) -> bool:
    """Tell whether an address lies on one of the domains or below."""
    host = host_of(url)
    return any(host == domain or host.endswith(f".{domain}") for domain in domains)


def check_address(url: str, domains: Collection[str]) -> None:
    """Refuse an address that is outside the domains, or is no page by its name.

    Raises:
        FetchRefused: it may not be visited.
    """
    if not is_within(url, domains):
        raise FetchRefused(Reason("web.other_domain"), host_of(url))
    if parse_address(url).target.partition("?")[0].lower().endswith(NOT_PAGES):
        raise FetchRefused(Reason("web.not_page"), "by the end of its name")
