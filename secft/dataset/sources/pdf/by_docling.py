"""Read a PDF with docling, whose models recognise the layout of pages and tables.

``source.pdf.engine=docling`` needs the package (``pip install docling``) and its weights on the machine: they are
downloaded by ``docling-tools models download``, and ``DOCLING_ARTIFACTS_PATH`` names their folder. Nothing is
downloaded during a run. PyTorch takes several GiB of address space: raise ``source.pdf.max_memory`` to 16 GiB and
``source.pdf.timeout`` to minutes. This adapter follows docling's documented interface and was not run with weights.
"""

from __future__ import annotations

import importlib.util
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from secft.dataset.chunk import Kind, TextBlock
from secft.dataset.sources.pdf.extract import Extracted, ExtractionTask
from secft.errors import Problem
from secft.reasons import Reason

INSTALL = "Run: pip install docling"
WEIGHTS = "DOCLING_ARTIFACTS_PATH"
_DOWNLOAD = f"Run: docling-tools models download, and set {WEIGHTS} to the folder that it names"
_KINDS: dict[str, Kind] = {"list_item": "list", "code": "code"}
_LEFT_OUT = ("page_header", "page_footer", "document_index")


def problems(key: str) -> list[Problem]:
    """Return what is missing on this machine for docling."""
    if importlib.util.find_spec("docling") is None:
        return [Problem(key, "the package docling is not installed", "docling", remedy=INSTALL)]
    if not Path(os.environ.get(WEIGHTS, "")).is_dir() or not os.environ.get(WEIGHTS):
        return [Problem(key, "the weights of docling are not on this machine", "docling", remedy=_DOWNLOAD)]
    return []


def extract(task: ExtractionTask) -> Extracted:
    """Read a PDF file; runs in a process of its own, like the extraction by PDFium."""
    os.environ["HF_HUB_OFFLINE"] = "1"
    from docling.datamodel.base_models import ConversionStatus, InputFormat
    from docling.datamodel.pipeline_options import PdfPipelineOptions
    from docling.document_converter import DocumentConverter, PdfFormatOption

    options = PdfPipelineOptions(artifacts_path=os.environ[WEIGHTS], do_ocr=False)
    converter = DocumentConverter(
        allowed_formats=[InputFormat.PDF], format_options={InputFormat.PDF: PdfFormatOption(pipeline_options=options)}
    )
    result = converter.convert(task.path, raises_on_error=False, max_num_pages=task.max_pages)
    if result.status != ConversionStatus.SUCCESS:
        said = "; ".join(str(error.error_message) for error in result.errors)
        return Extracted(reason=Reason("pdf.unreadable"), detail=said or str(result.status))
    blocks = tuple(_blocks(result.document))
    pages = len(result.document.pages)
    return Extracted(blocks, pages) if blocks else Extracted(reason=Reason("pdf.no_text"), detail=f"{pages:,} pages")


def _blocks(document: Any) -> Iterator[TextBlock]:
    for item, depth in document.iterate_items():
        label = str(getattr(item.label, "value", item.label))
        page = item.prov[0].page_no if item.prov else 0
        if label in _LEFT_OUT:
            continue
        if label == "table":
            yield TextBlock("table", item.export_to_markdown(doc=document), page=page)
        elif label in ("title", "section_header"):
            yield TextBlock("heading", item.text, 1 if label == "title" else getattr(item, "level", depth) + 1, page)
        elif getattr(item, "text", ""):
            kind = _KINDS.get(label, "text")
            yield TextBlock(kind, f"- {item.text}" if kind == "list" else item.text, page=page)
