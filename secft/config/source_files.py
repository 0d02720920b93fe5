"""Documents, reports and records of one's own that knowledge comes from."""

from __future__ import annotations

from dataclasses import dataclass

from secft.config.setting import setting
from secft.config.source import SourceConfig


@dataclass
class PdfSource(SourceConfig):
    """PDF documents, cut into sections at their headings."""

    name: str = "pdf"
    paths: list[str] = setting(about="PDF files, folders, globs, or http(s) addresses.")
    engine: str = setting("pdfium", about="What reads the pages; docling needs its own packages and weights.",
                          choices=("pdfium", "docling"))  # fmt: skip
    max_bytes: int = setting(256 << 20, about="Larger files are rejected (bytes).", low=1)
    max_pages: int = setting(5000, about="Longer documents are rejected.", low=1)
    timeout: float = setting(120.0, about="Seconds for one file, in a process of its own.", above=0)
    max_memory: int = setting(2 << 30, about="Bytes of memory for one file, in a process of its own.", low=64 << 20)
    chunk_tokens: int = setting(384, about="Longest section in tokens of the model; longer ones are divided.", low=32)
    license: str = setting("unknown", about="Licence of the documents, for the dataset card.")
    allow_hosts: list[str] = setting([], about="Private or loopback hosts that may be asked, by name.")
    cache: str = setting(".secft/web", about="Where downloads are kept.", internal=True)


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
    extractor: str = setting("trafilatura", about="What finds the main text.", choices=("trafilatura",))
    chunk_tokens: int = setting(384, about="Longest section in tokens of the model; longer ones are divided.", low=32)
    license: str = setting("unknown", about="Licence of the pages, for the dataset card.")
    refresh: bool = setting(False, about="Ask the sites what changed since the crawl that is kept.", internal=True)
    cache: str = setting(".secft/web", about="Where pages are kept: WARC files and their ETags.", internal=True)


@dataclass
class ToolLogsSource(SourceConfig):
    """Reports of scanners, recognised by their content, as normalised findings."""

    name: str = "tool_logs"
    paths: list[str] = setting(about="Reports, folders or globs of them.")
    max_bytes: int = setting(256 << 20, about="Larger reports are rejected (bytes).", low=1)
    max_line: int = setting(4 << 20, about="Longer lines of a JSONL report are rejected (bytes).", low=1024)
    license: str = setting("unknown", about="Licence of the reports, for the dataset card.")


@dataclass
class AgentRunsSource(SourceConfig):
    """Trajectories of tool-using agents."""

    name: str = "agent_runs"
    paths: list[str] = setting(["storage/agent_runs"], about="JSONL files, folders or globs of them.")
    license: str = setting("unknown", about="Licence of the trajectories, for the dataset card.")


@dataclass
class JsonlSource(SourceConfig):
    """A dataset of your own: chat records, one JSON object a line."""

    name: str = "jsonl"
    path: str = setting(about="JSONL with `messages`, or with `user` and `assistant` (and `system`).", file=True)
    license: str = setting("unknown", about="Licence of the records, for the dataset card.")
    url: str = setting("", about="Where the records come from, for the dataset card.")
    max_bad_lines: int = setting(0, about="Lines that may be rejected before the run is refused.", low=0)
    fields: dict[str, str] = setting({}, about="Your column -> messages, system, user, assistant, text, title, id, ...")


@dataclass
class ParquetSource(SourceConfig):
    """A dataset of your own: Parquet files, or a Hugging Face dataset that was saved to disk."""

    name: str = "parquet"
    paths: list[str] = setting(about="Parquet files, folders or globs, or a folder written by save_to_disk.")
    license: str = setting("unknown", about="Licence of the records, for the dataset card.")
    url: str = setting("", about="Where the records come from, for the dataset card.")
    max_bad_rows: int = setting(0, about="Rows that may be rejected before the run is refused.", low=0)
    fields: dict[str, str] = setting({}, about="Your column -> messages, system, user, assistant, text, title, id, ...")
