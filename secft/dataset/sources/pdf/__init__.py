"""PDF documents."""

from __future__ import annotations

from dataclasses import dataclass

from secft.config.schemas.source import SourceConfig
from secft.config.setting import setting
from secft.dataset.sources.source import Reader, Source


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


def _reader() -> Reader:
    from secft.dataset.sources.pdf.reader import READER

    return READER


SOURCE = Source(
    PdfSource,
    kinds=("guide",),
    version=3,
    reader=_reader,
)
