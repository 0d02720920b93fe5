"""PDF files from addresses: fetched once, kept under the source's cache, read like local ones."""

from __future__ import annotations

import hashlib
import os
import tempfile
from dataclasses import dataclass
from pathlib import Path

from secft.dataset.sources.pdf import PdfSource
from secft.errors import InputError
from secft.files import read_json, storage_errors, write_json

_HEAD = 1024
"""A PDF names its version within so many bytes."""


@dataclass(frozen=True)
class Kept:
    """A file that was fetched.

    Attributes:
        path: where it lies.
        url: where it came from in the end, after redirects.
        fetched: when, ISO 8601 in UTC.
    """

    path: Path
    url: str
    fetched: str


def is_address(path: str) -> bool:
    """Whether an entry of ``paths`` is an address."""
    return path.lower().startswith(("http://", "https://"))


def _place(config: PdfSource, url: str) -> Path:
    return Path(config.cache) / "pdf" / f"{hashlib.sha256(url.encode()).hexdigest()[:32]}.pdf"


def kept(config: PdfSource, url: str) -> Kept | None:
    """Return what was fetched from an address, None if nothing was yet."""
    path = _place(config, url)
    about = path.with_suffix(".json")
    if not path.is_file() or not about.is_file():
        return None
    facts = read_json(about)
    return Kept(path, str(facts["url"]), str(facts["fetched"]))


def refresh(config: PdfSource) -> None:
    """Fetch the addresses of a source that were not fetched yet.

    Raises:
        FetchError: an address is refused, or cannot be fetched.
        InputError: a server answers with something else than a PDF.
        StorageError: the cache cannot be written.
    """
    for url in filter(is_address, config.paths):
        if kept(config, url) is None:
            _fetch(config, url)


def _fetch(config: PdfSource, url: str) -> None:
    from secft.net import fetch

    answer = fetch(url, allow_hosts=config.allow_hosts, max_bytes=config.max_bytes)
    if answer.status != 200:
        raise InputError(f"{url}: the server answers with status {answer.status}; expected a PDF document.")
    if b"%PDF-" not in answer.body[:_HEAD]:
        kind = answer.headers.get("content-type", "an unknown type")
        raise InputError(f"{url}: the server answers with {kind}; expected a PDF document.")
    path = _place(config, url)
    with storage_errors(path):
        path.parent.mkdir(parents=True, exist_ok=True)
        handle, name = tempfile.mkstemp(prefix=".", suffix=".pdf", dir=path.parent)
        try:
            with os.fdopen(handle, "wb") as stream:
                stream.write(answer.body)
            Path(name).replace(path)
        except BaseException:
            Path(name).unlink(missing_ok=True)
            raise
    write_json(path.with_suffix(".json"), {"asked": url, "url": answer.url, "fetched": answer.fetched})
