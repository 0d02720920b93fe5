"""Published documents: what is read of them, and that nothing is lost."""

from __future__ import annotations

import re
from collections import Counter
from pathlib import Path

import pypdfium2
import pytest

from tests.dataset.sources.pdf.papers import read, text_of

OWASP = Path(__file__).resolve().parents[4] / ".." / "shared" / "data" / "owasp" / "pdf"
needs_owasp = pytest.mark.skipif(not OWASP.is_dir(), reason="the OWASP PDFs are not in ../shared/data/owasp/pdf")


@needs_owasp
def test_owasp_documents() -> None:
    documents, log = read(OWASP, license="CC-BY-SA-4.0")
    assert log.tally.dropped == {"pdf.margin": 2}
    assert "Application Security Verification Standard (119 of 120 pages)" in {row["detail"] for row in log.refused}
    files = {document.fields["file"].rsplit("/", 1)[-1]: document.fields["file"] for document in documents}
    assert len(files) == 4
    assert all(document.text.strip() for document in documents)
    by_file = {short: [d for d in documents if d.fields["file"] == name] for short, name in files.items()}
    asvs = by_file["owasp-asvs-5.0.pdf"]
    chapters = {document.fields["headings"][0] for document in asvs if document.fields["headings"]}
    assert {"V1 Encoding and Sanitization", "V6 Authentication", "V17 WebRTC"} <= chapters
    rows = [line for document in asvs for line in document.text.splitlines()]
    requirements = {
        match[1]: match[2] for row in rows if (match := re.match(r"(\d+\.\d+\.\d+) \| .+ \| ([123])$", row))
    }
    assert len(requirements) > 330
    assert requirements["1.2.1"] == "1"


def digits_apart(line: str) -> str:
    return re.sub(r"(?<![A-Za-z])\d+", "0", " ".join(line.split()))


@needs_owasp
@pytest.mark.parametrize("path", sorted(OWASP.glob("*.pdf")), ids=lambda path: path.stem)
def test_no_running_header_stays_and_no_text_is_lost(path: Path) -> None:
    """Lines that PDFium itself finds at the edges of three pages or more, against the result."""
    documents, _ = read(path)
    result = text_of(documents)
    edges: Counter[tuple[str, int]] = Counter()
    words: Counter[str] = Counter()
    with pypdfium2.PdfDocument(path) as file:
        for page in file:
            text, height = page.get_textpage(), page.get_height()
            boxes = [text.get_rect(index) for index in range(text.count_rects())]
            edge = [box for box in boxes if not 0.07 * height < box[1] < 0.93 * height]
            edges.update({(digits_apart(text.get_text_bounded(*box)), round(box[1] / 3)) for box in edge})
            if not re.search(r"(?:\. ){8}", text.get_text_range()):
                words.update(re.findall(r"[a-z]{5,}", text.get_text_range()))
    lines = Counter(digits_apart(line) for line in result.splitlines())
    running = {line for (line, _), count in edges.items() if count >= 3 and line}
    assert {line: lines[line] for line in running if lines[line] > 1} == {}
    found = Counter(re.findall(r"[a-z]{5,}", result + " ".join(document.title for document in documents)))
    missing = sum(max(0, count - found[word]) for word, count in words.items() if word not in " ".join(running).lower())
    assert missing < 0.03 * sum(words.values())
