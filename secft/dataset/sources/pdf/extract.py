"""One PDF file to blocks, or the reason why not; runs in a process of its own."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from secft.dataset.chunk import TextBlock
from secft.dataset.sources.pdf.blocks import blocks_of, without_title
from secft.dataset.sources.pdf.layout import areas_of
from secft.dataset.sources.pdf.margins import drop_margins
from secft.dataset.sources.pdf.pages import Pages
from secft.dataset.sources.pdf.paragraphs import body_size, paragraphs_of
from secft.dataset.sources.pdf.rows import drop_contents
from secft.dataset.sources.pdf.ruled import ruled_tables
from secft.dataset.sources.pdf.segments import PdfPage
from secft.dataset.sources.pdf.words import DocumentWords, plain
from secft.reasons import Reason

_MAX_CHARACTERS = 64 << 20
"""Of one file."""


@dataclass(frozen=True)
class ExtractionTask:
    """What to read.

    Attributes:
        path: the file.
        max_pages: longer documents are refused.
    """

    path: str
    max_pages: int


@dataclass(frozen=True)
class Extracted:
    """What a file holds.

    Attributes:
        blocks: in reading order; empty if the file is refused.
        pages: how many pages the document has.
        titles: from the document's metadata, and from its first page; either may be empty.
        margins: running headers and footers that were left out -> pages on which they stood.
        reason: why it is refused, None if it is not.
        detail: about this file.
    """

    blocks: tuple[TextBlock, ...] = ()
    pages: int = 0
    titles: tuple[str, str] = ("", "")
    margins: Mapping[str, int] = field(default_factory=dict)
    reason: Reason | None = None
    detail: str = ""


class _RefusedPdf(Exception):
    """The file is refused."""

    def __init__(self, reason: Reason, detail: str) -> None:
        super().__init__(reason.text())
        self.reason, self.detail = reason, detail


def extract(task: ExtractionTask) -> Extracted:
    """Read a PDF file."""
    import pypdfium2
    import pypdfium2.raw as pdfium

    try:
        document = pypdfium2.PdfDocument(task.path)
    except pypdfium2.PdfiumError as error:
        code = pdfium.FPDF_GetLastError()
        if code in (pdfium.FPDF_ERR_PASSWORD, pdfium.FPDF_ERR_SECURITY):
            return Extracted(reason=Reason("pdf.encrypted"), detail="a password is needed")
        return Extracted(reason=Reason("pdf.unreadable"), detail=str(error))
    try:
        pages = _pages(document, task.max_pages)
        margins = drop_margins(pages)
        heading, blocks = without_title(_blocks(pages))
        titles = (plain(document.get_metadata_value("Title")).strip(), heading)
        return Extracted(tuple(blocks), len(document), titles, dict(margins))
    except _RefusedPdf as refused:
        return Extracted((), len(document), reason=refused.reason, detail=refused.detail)
    finally:
        document.close()


def _pages(document: Any, max_pages: int) -> list[PdfPage]:
    count = len(document)
    if count > max_pages:
        raise _RefusedPdf(Reason("pdf.too_many_pages"), f"{count:,} pages, {max_pages:,} allowed")
    if count == 0:
        raise _RefusedPdf(Reason("pdf.unreadable"), "no pages")
    reader = Pages(document.raw)
    pages = [page for page in map(reader.read, range(count)) if page is not None]
    if not pages:
        raise _RefusedPdf(Reason("pdf.unreadable"), f"none of {count:,} pages can be loaded")
    characters = sum(len(segment.text) for page in pages for segment in page.segments)
    if characters > _MAX_CHARACTERS:
        raise _RefusedPdf(Reason("pdf.too_much_text"), f"{characters:,} characters, {_MAX_CHARACTERS:,} allowed")
    if not any(character.isalnum() for page in pages for segment in page.segments for character in segment.text):
        raise _RefusedPdf(Reason("pdf.no_text"), f"{count:,} pages of images; text recognition is needed")
    return pages


def _blocks(pages: list[PdfPage]) -> list[TextBlock]:
    drop_contents(pages)
    arranged = [(page.number, areas_of(page.segments, ruled_tables(page))) for page in pages]
    body = body_size(areas for _, areas in arranged)
    vocabulary = DocumentWords(plain(line.text) for _, areas in arranged for area in areas for line in area.lines)
    blocks = blocks_of(paragraphs_of(arranged), body, vocabulary)
    if not blocks:
        raise _RefusedPdf(Reason("pdf.no_text"), "nothing but running headers and page numbers")
    return blocks
