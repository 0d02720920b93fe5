"""Web pages and local HTML."""

from __future__ import annotations

from dataclasses import dataclass

from secft.config.schemas.source import SourceConfig
from secft.config.setting import setting
from secft.dataset.sources.source import Reader, Source


@dataclass
class WebSource(SourceConfig):
    """Web pages and local HTML: seeds, sitemaps, folders; only the main text is kept."""

    name: str = "web"
    seeds: list[str] = setting([], about="Addresses to start from.")
    sitemaps: list[str] = setting([], about="Addresses of sitemaps (sitemap.xml or an index of them).")
    paths: list[str] = setting([], about="Local HTML files, folders, globs or WARC files.")
    allow_domains: list[str] = setting([], about="Domains that may be visited; empty means those of the seeds.")
    allow_hosts: list[str] = setting([], about="Private or loopback hosts that may be asked, by name.")
    max_depth: int = setting(2, about="Links followed from a seed.", low=0)
    max_pages: int = setting(500, about="Pages fetched in all.", low=1)
    max_bytes: int = setting(8 << 20, about="Larger pages are rejected (bytes, after decompression).", low=1024)
    delay: float = setting(1.0, about="Seconds between two requests to a host; robots.txt may ask for more.", low=0,
                           internal=True)  # fmt: skip
    timeout: float = setting(20.0, about="Seconds for one request.", above=0, internal=True)
    retries: int = setting(3, about="Further attempts after 429, 5xx or a broken connection.", low=0, internal=True)
    user_agent: str = setting("secft", about="How the crawler introduces itself; robots.txt is read for this name.")
    chunk_tokens: int = setting(384, about="Longest section in tokens of the model; longer ones are divided.", low=32)
    license: str = setting("unknown", about="Licence of the pages, for the dataset card.")
    refresh: bool = setting(False, about="Ask the sites what changed since the crawl that is kept.", internal=True)
    cache: str = setting(".secft/web", about="Where pages are kept: WARC files and their ETags.", internal=True)


def _reader() -> Reader:
    from secft.dataset.sources.web.reader import READER

    return READER


SOURCE = Source(
    WebSource,
    kinds=("guide",),
    version=1,
    reader=_reader,
)
