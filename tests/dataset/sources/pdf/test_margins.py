"""Running headers go, what merely stands at the same height on some pages stays, and all that goes is told."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from fpdf import FPDF

from secft.dataset.sources.pdf.extract import Extracted, ExtractionTask, extract

CASE = Path(__file__).resolve().parents[4] / ".." / "shared" / "cases" / "data" / "18-pdf-repeated-lines"
PROSE = "Line {number} of finding {page} tells how the tester found the problem, and how it can be shown again."


def report(path: Path, pages: int, top: Callable[[int], list[str]], bottom: Callable[[int], list[str]]) -> Extracted:
    """A page for each finding: lines at fixed heights in both margins, and prose between them."""
    document = FPDF(unit="pt", format="A4")
    document.set_auto_page_break(False)
    for page in range(pages):
        document.add_page()
        document.set_font("Helvetica", size=9)
        for row, line in enumerate(top(page)):
            document.text(72, 30 + 16 * row, line)
        for row, line in enumerate(reversed(bottom(page))):
            document.text(72, 820 - 16 * row, line)
        document.set_font("Helvetica", size=11)
        for number in range(12):
            document.text(72, 160 + 16 * number, PROSE.format(number=number, page=page))
    document.output(str(path))
    return extract(ExtractionTask(str(path), 100))


def text_of(found: Extracted) -> str:
    return "\n".join(block.text for block in found.blocks)


RATINGS = ["Critical", "High", "High", "Low", "High", "Medium", "High", "High"]


def test_fields_of_findings_stay_and_running_lines_go(tmp_path: Path) -> None:
    found = report(
        tmp_path / "a.pdf", 8,
        lambda page: ["ACME test, confidential", f"Severity: {RATINGS[page]}", "Status: open"],
        lambda page: ["Retest needed: yes", f"Page {page + 1} of 8"],
    )  # fmt: skip
    text = text_of(found)
    assert text.count("Severity: High") == 5
    assert text.count("Status: open") == text.count("Retest needed: yes") == 8
    assert "confidential" not in text
    assert found.margins == {"ACME test, confidential": 8, "#": 8}


def test_a_line_inside_of_the_header_goes_only_from_most_pages(tmp_path: Path) -> None:
    found = report(
        tmp_path / "b.pdf", 9,
        lambda page: ["ACME test", "Issued by the red team", "Rated urgent" if page in (1, 4, 7) else f"Rated {page}"],
        lambda page: [f"Page {page + 1}"],
    )  # fmt: skip
    text = text_of(found)
    assert text.count("Rated urgent") == 3
    assert "red team" not in text
    assert found.margins["Issued by the red team"] == 9


def test_titles_of_chapters_go_from_the_outermost_row(tmp_path: Path) -> None:
    found = report(
        tmp_path / "c.pdf", 9, lambda page: [f"{'ABC'[page // 3]} chapter of the handbook"], lambda page: [f"{page}"]
    )  # fmt: skip
    assert "chapter of the handbook" not in text_of(found)
    assert sum(found.margins.values()) == 18


def test_a_field_in_the_outermost_row_stays_unless_nearly_all_pages_have_it(tmp_path: Path) -> None:
    found = report(
        tmp_path / "d.pdf", 8, lambda page: [f"Severity: {RATINGS[page]}"], lambda page: ["Document: ACME-12"]
    )  # fmt: skip
    text = text_of(found)
    assert text.count("Severity:") == 8
    assert "ACME-12" not in text


def test_the_report_of_the_case_keeps_every_finding_whole() -> None:
    if not CASE.is_dir():
        pytest.skip("no directory ../shared/cases/data beside the checkout")
    found = extract(ExtractionTask(str(CASE / "pentest.pdf"), 100))
    text = text_of(found)
    for line in ("Severity:", "CVSS base score:", "Status:", "Retest needed:"):
        assert text.count(line) == 7
    assert text.count("High") == 3
    assert found.margins == {"ACME penetration test 2025 - confidential": 7, "#": 7}
