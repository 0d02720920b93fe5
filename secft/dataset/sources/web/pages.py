"""From one page to its documents: a document is a section of the main text."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass

from secft.dataset.chunk import SEPARATOR, Chunk, chunk_blocks
from secft.dataset.sources.source import ReadLog
from secft.dataset.sources.web import WebSource
from secft.dataset.sources.web.decode import BadPage
from secft.dataset.sources.web.extract import WebPage, extract_page
from secft.reasons import Reason
from secft.records import Document
from secft.redaction import without_credentials
from secft.security.identifiers import named_by_kind


@dataclass(frozen=True)
class RawPage:
    """A page before it is read.

    Attributes:
        name: what it is called in ids: its address, or the file below the folder that was named.
        data: its bytes.
        content_type: Content-Type header, or an empty string.
        url: its address, empty for local files.
        path: local file, or an empty string.
        fetched: when it was fetched, empty for local files.
    """

    name: str
    data: bytes
    content_type: str = ""
    url: str = ""
    path: str = ""
    fetched: str = ""


def page_documents(config: WebSource, raw: RawPage, log: ReadLog) -> Iterator[Document]:
    """Yield the documents of a page; one without main text is a counted refusal."""
    if len(raw.data) > config.max_bytes:
        log.refuse(raw.name, Reason("file.too_large"), f"{len(raw.data):,} bytes, allowed are {config.max_bytes:,}")
        return
    try:
        page = extract_page(raw.data, raw.content_type)
    except BadPage as error:
        log.refuse(raw.name, error.reason, error.detail)
        return
    name = without_credentials(raw.name)
    version = f"sha256:{hashlib.sha256(raw.data).hexdigest()[:12]}"
    for number, chunk in enumerate(chunk_blocks(page.blocks, config.chunk_tokens, log.count_tokens), start=1):
        yield Document(
            id=f"web:{name}#{number}",
            kind="guide",
            title=_title(page, chunk, name),
            text=chunk.text,
            fields={
                "section": chunk.path[-1] if chunk.path else "",
                "chunk": number,
                "headings": list(chunk.path),
                "page_title": page.title,
                "language": page.language,
                "date": page.date,
                "parent": f"web:{name}",
                "hidden_text": page.has_hidden_text,
                "replaced_characters": page.replaced,
                **named_by_kind(f"{chunk.title}\n{chunk.text}"),
            },
            source="web",
            source_version=version,
            license=config.license,
            url=without_credentials(raw.url),
            path=raw.path,
            fetched=raw.fetched,
        )


def _title(page: WebPage, chunk: Chunk, name: str) -> str:
    """Return the headings above a section, after the page's title where they do not say it."""
    title = page.title or ("" if chunk.path else name)
    first = chunk.path[0].casefold() if chunk.path else ""
    said = bool(first) and (first in title.casefold() or title.casefold() in first)
    return SEPARATOR.join(([] if said or not title else [title]) + list(chunk.path))
