"""Sections read well alone: headings stay with their text, scraps are joined, furniture is neither."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from fpdf import FPDF

from secft.dataset.sources.pdf.extract import ExtractionTask, extract
from secft.dataset.sources.pdf.margins import is_furniture
from tests.dataset.sources.pdf.papers import PROSE, headline, paper, prose, read, text_of

NUMBERS = {
    "english": lambda page, of: f"Page {page} of {of}",
    "slash": lambda page, of: f"{page}/{of}",
    "spanish": lambda page, of: f"Página {page} de {of}",
    "german": lambda page, of: f"Seite {page} von {of}",
    "dashes": lambda page, of: f"- {page} -",
    "with a name": lambda page, of: f"ACME audit | Page {page} of {of}",
}


def footed(path: Path, pages: int, footers: Callable[[int], list[str]], size: float = 9) -> str:
    """Pages of prose under a heading each, with footers one below the other; returns all text and headings."""
    document = FPDF(unit="pt", format="A4")
    document.set_auto_page_break(False)
    for page in range(1, pages + 1):
        document.add_page()
        document.set_font("Helvetica", "B", 16)
        document.text(72, 140, f"Finding number {page}")
        document.set_font("Helvetica", size=11)
        for line in range(10):
            document.text(72, 170 + 16 * line, f"Line {line} of finding {page} tells how it is found and shown again.")
        document.set_font("Helvetica", "B", size)
        for row, footer in enumerate(footers(page)):
            document.text(72, 790 + 18 * row, footer)
    document.output(str(path))
    found = extract(ExtractionTask(str(path), 100))
    return "\n".join(block.text for block in found.blocks)


@pytest.mark.parametrize("pages", [2, 3, 9])
@pytest.mark.parametrize("number", NUMBERS.values(), ids=NUMBERS)
@pytest.mark.parametrize("last", [True, False])
def test_page_numbers_go_from_every_row_of_a_footer(
    tmp_path: Path, pages: int, number: Callable[[int, int], str], last: bool
) -> None:
    def footers(page: int) -> list[str]:
        rows = ["Strictly confidential - ACME", number(page, pages)]
        return rows if last else rows[::-1]

    text = footed(tmp_path / "a.pdf", pages, footers, size=14)
    assert "confidential" not in text
    assert not [line for line in text.splitlines() if not line.startswith(("Finding number", "Line"))]
    assert text.count("Finding number") == pages


@pytest.mark.parametrize("footer", ["Page 1 of 1", "1/1", "Página 1 de 1", "Confidential", "TLP:AMBER", "© 2026 ACME"])
def test_furniture_of_a_single_page_goes(tmp_path: Path, footer: str) -> None:
    text = footed(tmp_path / "a.pdf", 1, lambda page: [footer])
    assert footer not in text
    assert "Finding number 1" in text


@pytest.mark.parametrize(
    "text", ["Page 2 of 25", "2/25", "Página 2 de 25", "Strictly confidential", "S. 3", "TLP:RED"][:4]
)
def test_furniture_is_known_wherever_it_stands(text: str) -> None:
    assert is_furniture(text)


@pytest.mark.parametrize(
    "text", ["Confidential data is encrypted at rest by the service", "Copyright and License", "V2 Authentication",
             "25/2 hours", "Confidentiality", "Pages", "Version 2 of the protocol"],
)  # fmt: skip
def test_headings_are_no_furniture(text: str) -> None:
    assert not is_furniture(text)


def test_a_heading_at_the_end_of_a_page_stays_with_its_text(tmp_path: Path) -> None:
    def draw(document: FPDF) -> None:
        headline(document, "First part", 20)
        prose(document, PROSE * 3)
        document.set_y(-36)
        headline(document, "Second part", 20)
        document.add_page()
        prose(document, PROSE * 4)

    documents, _ = read(paper(tmp_path, draw), chunk_tokens=120)
    second = [document for document in documents if document.fields["section"] == "Second part"]
    assert second[0].text.startswith("The quick reader")
    assert "Second part" not in text_of(documents)


def test_no_section_is_a_heading_alone_or_a_few_words(tmp_path: Path) -> None:
    def draw(document: FPDF) -> None:
        headline(document, "Audit of the shop", 22)
        prose(document, "October 2026")
        headline(document, "Scope", 18)
        headline(document, "Method", 18)
        prose(document, "See below.")
        headline(document, "Results", 18)
        prose(document, PROSE * 12)
        headline(document, "Contact", 22)
        prose(document, "audit@example.org")

    documents, _ = read(paper(tmp_path, draw), chunk_tokens=128)
    assert min(len(document.text.split()) for document in documents) >= 12
    text = text_of(documents)
    for words in ("October 2026", "Scope", "Method", "See below.", "Contact", "audit@example.org"):
        assert words in text + " ".join(document.title for document in documents)
    assert all(len(document.text) <= 4 * 128 for document in documents)
