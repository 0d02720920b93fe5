"""Read PDF files with one engine, and print text and tables as JSON; run by benchmarks/pdf.py, one process an engine.

Run: python benchmarks/pdf_engines.py pdfplumber FILE...

Each engine is used as its documentation shows, with its defaults. The output is one object: for each file its ``text``,
``tables`` (rows of cells, None if the engine tells no tables), ``pages``, and ``seconds`` of processor time.
"""

from __future__ import annotations

import importlib
import json
import re
import sys
import time
from collections.abc import Callable, Iterable
from typing import Any

Found = tuple[str, list[list[str]] | None, int]
"""Text, rows of tables, pages."""
_RULE = re.compile(r"[\s|:\-]+")


def _load(name: str) -> Any:
    return importlib.import_module(name)


def rows_of_markdown(text: str) -> list[list[str]]:
    """Return the rows of the tables of a Markdown text."""
    rows = []
    for line in map(str.strip, text.splitlines()):
        if line.startswith("|") and line.endswith("|") and not _RULE.fullmatch(line):
            cells = re.split(r"(?<!\\)\|", line[1:-1])
            rows.append([re.sub(r"<br ?/?>|\*\*|\\", " ", cell).strip() for cell in cells])
    return rows


def secft(path: str) -> Found:
    """Read with the default engine of the PDF source."""
    extract = _load("secft.dataset.sources.pdf.extract")
    found = extract.extract(extract.ExtractionTask(path, 100_000))
    rows = []
    for block in found.blocks:
        lines = [line.split(" | ") for line in block.text.splitlines() if " | " in line]
        head = lines[0] if lines else []
        rows += [_without_heads(row, head) for row in lines]
    return "\n".join(block.text for block in found.blocks), rows, found.pages


def _without_heads(row: list[str], head: list[str]) -> list[str]:
    if len(row) != len(head):
        return row
    return [cell.removeprefix(f"{name}: ") for cell, name in zip(row, head, strict=True)]


def pdfium(path: str) -> Found:
    """Read all text with PDFium and nothing else."""
    with _load("pypdfium2").PdfDocument(path) as document:
        pages = [page.get_textpage().get_text_range() for page in document]
    return "\n".join(pages), None, len(pages)


def pdfplumber(path: str) -> Found:
    """Read with pdfplumber: text, and tables by drawn lines."""
    rows = []
    with _load("pdfplumber").open(path) as document:
        texts = [page.extract_text() for page in document.pages]
        for page in document.pages:
            rows += [
                [" ".join((cell or "").split()) for cell in row] for table in page.extract_tables() for row in table
            ]
        return "\n".join(texts), rows, len(texts)


def pymupdf4llm(path: str) -> Found:
    """Read as Markdown with PyMuPDF4LLM (AGPL)."""
    text = _load("pymupdf4llm").to_markdown(path, show_progress=False)
    return text, rows_of_markdown(text), len(_load("pymupdf").open(path))


def pdf_oxide(path: str) -> Found:
    """Read as Markdown with pdf_oxide."""
    document = _load("pdf_oxide").PdfDocument(path)
    pages = [document.to_markdown(number) for number in range(document.page_count())]
    text = "\n".join(pages)
    return text, rows_of_markdown(text), len(pages)


def pypdf(path: str) -> Found:
    """Read text with pypdf."""
    pages = [page.extract_text() for page in _load("pypdf").PdfReader(path).pages]
    return "\n".join(pages), None, len(pages)


def pdfminer(path: str) -> Found:
    """Read text with pdfminer.six."""
    text = _load("pdfminer.high_level").extract_text(path)
    return text, None, max(1, text.count("\f"))


def docling(path: str) -> Found:
    """Read with docling, whose models must be on this machine."""
    result = _load("docling.document_converter").DocumentConverter().convert(path)
    text = result.document.export_to_markdown()
    return text, rows_of_markdown(text), len(result.document.pages)


ENGINES: dict[str, Callable[[str], Found]] = {
    engine.__name__: engine for engine in (secft, pdfium, pdfplumber, pymupdf4llm, pdf_oxide, pypdf, pdfminer, docling)
}


def main(name: str, paths: Iterable[str]) -> None:
    """Read files with an engine; the first one twice, so that what is loaded once is not measured."""
    read = ENGINES[name]
    found = {}
    for number, path in enumerate(paths):
        if number == 0:
            read(path)
        start = time.process_time()
        text, tables, pages = read(path)
        found[path] = {"text": text, "tables": tables, "pages": pages, "seconds": time.process_time() - start}
    json.dump(found, sys.stdout)


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2:])
