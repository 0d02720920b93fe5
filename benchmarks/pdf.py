"""Pages per second of the PDF source, on one core.

Run: python benchmarks/pdf.py ../shared/data/owasp/pdf

Prints a Markdown table: for each file the processor time of PDFium alone (all text, nothing else) and of the whole
extraction (reading order, headings, running headers, tables), best of three; then the wall time of the source in its
worker process, chunks included.
"""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path

import pypdfium2

from secft.dataset import collect
from secft.dataset.sources.pdf import PdfSource
from secft.dataset.sources.pdf.extract import ExtractionTask, extract
from secft.dataset.sources.reading.paths import expand_paths
from secft.dataset.sources.source import ReadLog

ROUNDS = 3


def seconds(work: Callable[[], object]) -> float:
    """Return the processor time of the fastest of a few rounds."""
    times = []
    for _ in range(ROUNDS):
        start = time.process_time()
        work()
        times.append(time.process_time() - start)
    return min(times)


def pdfium_alone(path: str) -> int:
    """Return the number of characters of a file, read as one text per page."""
    with pypdfium2.PdfDocument(path) as document:
        return sum(len(page.get_textpage().get_text_range()) for page in document)


def main() -> None:
    """Measure the files below the given paths."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("paths", nargs="+")
    paths = parser.parse_args().paths
    print(f"`python benchmarks/pdf.py {' '.join(sys.argv[1:])}`\n")
    print("| file | pages | blocks | PDFium alone, pages/s | extraction, pages/s |\n|---|---|---|---|---|")
    pages, alone, whole = 0, 0.0, 0.0
    for path in expand_paths(paths, (".pdf",)):
        found = extract(ExtractionTask(path, 100_000))
        if found.reason:
            print(f"| {Path(path).name} | {found.pages} | {found.reason} | | |")
            continue
        bare, full = (
            seconds(partial(pdfium_alone, path)),
            seconds(partial(extract, ExtractionTask(path, 10**5))),
        )
        print(
            f"| {Path(path).name} | {found.pages} | {len(found.blocks)} "
            f"| {found.pages / bare:.0f} | {found.pages / full:.0f} |"
        )
        pages, alone, whole = pages + found.pages, alone + bare, whole + full
    if not pages:
        raise SystemExit("no file could be read")
    print(f"| all | {pages} | | {pages / alone:.0f} | {pages / whole:.0f} |")
    config, log = PdfSource(paths=paths), ReadLog()
    start = time.perf_counter()
    documents = collect.read_documents(config, log)
    wall = time.perf_counter() - start
    print(
        f"\nThe source: {len(documents)} documents in {wall:.1f} s of wall time with the start of its process "
        f"({pages / wall:.0f} pages/s, {len(documents) / wall:.0f} documents/s); refused: {log.tally.dropped or 0}."
    )


if __name__ == "__main__":
    main()
